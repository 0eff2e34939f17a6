package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"vaguemestre/internal/config"
	"vaguemestre/internal/fault"
)

func serveCommand() *cobra.Command {
	var data, file string
	var sealed bool
	cmd := &cobra.Command{
		Use:   "serve --data DIR",
		Short: "run a hub",
		Long: "Runs the hub of a data folder, in the foreground, until SIGINT or SIGTERM. Prints \"ready\" when every port\n" +
			"answers; the log goes to standard error. SIGHUP reads the certificate again.",
		Args: args(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig(data, file)
			if err != nil {
				return err
			}
			if c.Limits.Memory > 0 {
				debug.SetMemoryLimit(c.Limits.Memory)
			}
			s, err := newServer(c, options{sealed: sealed})
			if err != nil {
				return err
			}
			defer onHangup(s.reload)()
			return s.Run(cmd.Context(), func() {
				for _, p := range s.ports {
					fmt.Fprintf(cmd.OutOrStdout(), "%-18s %s\n", p.key, p.listener.Addr())
				}
				fmt.Fprintln(cmd.OutOrStdout(), "ready")
				s.warn()
			})
		},
	}
	cmd.Flags().StringVar(&data, "data", "", "the data folder that init made")
	cmd.Flags().StringVar(&file, "config", "", "the configuration file (default DIR/"+config.FileName+")")
	cmd.Flags().BoolVar(&sealed, "sealed", false, "run without the hub key: take mail in, open nothing")
	return cmd
}

// loadConfig reads the configuration of a data folder, or the file named.
func loadConfig(data, file string) (*config.Config, error) {
	if file == "" && data == "" {
		return nil, advise(fmt.Errorf("which hub? %w", errUsage), "Name its folder with --data DIR.")
	}
	if file == "" {
		file = filepath.Join(data, config.FileName)
	}
	c, err := config.Load(file)
	switch {
	case errors.Is(err, fault.NotFound):
		return nil, advise(err, "`vaguemestre init --data DIR` makes a new hub. If there was one, is its disk mounted?")
	case errors.Is(err, fault.Invalid):
		return nil, advise(err, "Correct these lines. Above each key the file says what it may be.")
	}
	return c, err
}

// renewTime is how long before its end a certificate should be renewed.
const renewTime = 21 * 24 * time.Hour

// warn says what a person should look at this week.
func (s *server) warn() {
	if s.cfg.TestMode {
		s.log.Warn("test mode is on: invented matricules are accepted")
	}
	if end := s.cert.Leaf().NotAfter; end.Sub(clock()) < renewTime {
		s.log.Warn("certificate ends soon", "expires", end)
	}
}

// onHangup calls fn at each SIGHUP until stop is called.
func onHangup(fn func()) (stop func()) {
	hups := make(chan os.Signal, 1)
	signal.Notify(hups, syscall.SIGHUP)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-ctx.Done():
				return
			case <-hups:
				fn()
			}
		}
	}()
	return func() {
		signal.Stop(hups)
		cancel()
		<-done
	}
}
