package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/gatewatch/gatewatch/api"
	"github.com/gatewatch/gatewatch/api/client"
)

// keysCmd talks to the running server through the admin socket in its data directory.
type keysCmd struct {
	DataDir string `help:"The running server's data directory." default:"gatewatch-data" placeholder:"DIR"`

	Create keysCreateCmd `cmd:"" help:"Make a key and print it, alone, on stdout."`
	List   keysListCmd   `cmd:"" help:"List the keys; the keys themselves are not kept."`
	Revoke keysRevokeCmd `cmd:"" help:"End a key at once."`
}

func (k *keysCmd) client() *client.Client {
	return client.NewSocket(filepath.Join(k.DataDir, api.AdminSocket))
}

// explain says what to do when nobody answers on the socket.
func (k *keysCmd) explain(err error) error {
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("no server runs on %s (--data-dir names the running server's data directory): %w", k.DataDir, err)
	}
	return err
}

type keysCreateCmd struct {
	Role    string        `help:"What the key may do: ${enum}." enum:"agent,viewer,analyst,admin,bouncer" required:""`
	Name    string        `help:"What the key is for." required:"" placeholder:"NAME"`
	Service []string      `help:"A service that the key sees and changes, may be repeated; without it the key is for all." placeholder:"SERVICE" sep:"none"`
	Rate    float64       `help:"Requests that it may make a second; 0 is what the configuration says." default:"0" placeholder:"NUMBER"`
	Expires time.Duration `help:"How long the key is good; 0 is for ever." default:"0" placeholder:"DURATION"`
}

// Run makes the key.
func (c *keysCreateCmd) Run(ctx context.Context, parent *keysCmd, std streams) error {
	var expires time.Time
	if c.Expires > 0 {
		expires = time.Now().Add(c.Expires).UTC()
	}
	key, err := parent.client().CreateKey(ctx, client.NewKey{Name: c.Name, Role: c.Role, Services: c.Service, RatePerSecond: c.Rate, ExpiresAt: expires})
	if err != nil {
		return parent.explain(err)
	}
	_, err = fmt.Fprintln(std.Out, key.Secret)
	return err
}

type keysListCmd struct{}

// Run prints one key a line.
func (c *keysListCmd) Run(ctx context.Context, parent *keysCmd, std streams) error {
	keys, err := parent.client().Keys(ctx)
	if err != nil {
		return parent.explain(err)
	}
	w := tabwriter.NewWriter(std.Out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "ID\tNAME\tROLE\tSERVICES\tPREFIX\tCREATED\tLAST USED\tSTATE")
	for _, k := range keys {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", k.ID, k.Name, k.Role, servicesOf(k), k.Prefix, moment(k.CreatedAt), moment(k.LastUsed), stateOf(k))
	}
	return w.Flush()
}

func servicesOf(k client.Key) string {
	if len(k.Services) == 0 {
		return "all"
	}
	return strings.Join(k.Services, ",")
}

func stateOf(k client.Key) string {
	switch {
	case !k.RevokedAt.IsZero():
		return "revoked " + moment(k.RevokedAt)
	case k.ExpiresAt.IsZero():
		return "good"
	case k.ExpiresAt.Before(time.Now()):
		return "expired " + moment(k.ExpiresAt)
	}
	return "good until " + moment(k.ExpiresAt)
}

func moment(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}

type keysRevokeCmd struct {
	ID string `arg:"" help:"The key's id, as the list shows it."`
}

// Run ends the key.
func (c *keysRevokeCmd) Run(ctx context.Context, parent *keysCmd, std streams) error {
	key, err := parent.client().RevokeKey(ctx, c.ID)
	if err != nil {
		return parent.explain(err)
	}
	_, err = fmt.Fprintf(std.Err, "revoked %s (%s)\n", key.ID, key.Name)
	return err
}
