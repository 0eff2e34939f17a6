package oauth

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"

	"vaguemestre/internal/fault"
)

// A form is the parameters of a request. RFC 6749 §3.1 and §3.2: each comes once,
// and one without a value is as if it had not come.
type form map[string]string

// maxParameters bounds how many there are.
const maxParameters = 50

// readForm reads the body of a POST.
func readForm(r *http.Request) (form, error) {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/x-www-form-urlencoded" {
		return nil, invalidRequest("the body is not application/x-www-form-urlencoded")
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
			return nil, fmt.Errorf("oauth: form: %w", fault.TooLarge)
		}
		return nil, invalidRequest("the body did not come in whole")
	}
	return parseForm(string(body))
}

func parseForm(s string) (form, error) {
	values, err := url.ParseQuery(s)
	if err != nil || len(values) > maxParameters {
		return nil, invalidRequest("the parameters are malformed")
	}
	f := form{}
	for name, list := range values {
		if len(list) > 1 {
			return nil, invalidRequest("a parameter came twice")
		}
		if list[0] != "" {
			f[name] = list[0]
		}
	}
	return f, nil
}
