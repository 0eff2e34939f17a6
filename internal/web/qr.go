package web

import (
	"fmt"
	"image/color"
	"strings"

	"github.com/boombuler/barcode/qr"

	"vaguemestre/internal/fault"
)

// A picture is a QR code as the path of an SVG: no other site, no script and no
// style of its own are needed to show it.
type picture struct {
	Size int    // of its side, margin included
	Path string // of the dark squares
}

const quiet = 4 // modules of margin (ISO/IEC 18004 §6.3.8)

// qrCode draws a text. One that does not fit is fault.TooLarge.
func qrCode(text string) (picture, error) {
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return picture{}, fmt.Errorf("web: qr: %v: %w", err, fault.TooLarge)
	}
	n := code.Bounds().Dx()
	var path strings.Builder
	for y := range n {
		for x := 0; x < n; x++ {
			from := x
			for x < n && code.At(x, y) == color.Black {
				x++
			}
			if x > from {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", from+quiet, y+quiet, x-from, x-from)
			}
		}
	}
	return picture{n + 2*quiet, path.String()}, nil
}
