package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gatewatch/gatewatch/api/client"
	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/ingest/pseudonym"
)

// privacyCmd makes the keys of pseudonyms, and opens what they sealed.
type privacyCmd struct {
	Keygen privacyKeygenCmd `cmd:"" help:"Make a pseudonym key for the servers and agents, and a reveal key for their owner."`
	Erase  privacyEraseCmd  `cmd:"" help:"Take everything about one identity out of the store, and print the receipt."`
	Reveal privacyRevealCmd `cmd:"" help:"Tell whom pseudonyms stand for, with the reveal key, which never leaves this machine."`
}

type privacyKeygenCmd struct {
	Dir string `help:"Folder for the files pseudonym.key and reveal.key; existing ones are not overwritten." default:"." placeholder:"DIR"`
}

// Run writes the two files and prints the recipient, alone.
func (c *privacyKeygenCmd) Run(std streams) error {
	recipient, reveal, err := pseudonym.NewRevealKey()
	if err != nil {
		return err
	}
	for _, f := range []struct{ name, text string }{{"pseudonym.key", pseudonym.NewKey()}, {"reveal.key", reveal}} {
		if err := writeNew(filepath.Join(c.Dir, f.name), f.text); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintf(std.Err, "%s: name it in privacy.key_files of every server and agent\n%s: keep it away from them; "+
		"without it no pseudonym can be reversed\nprivacy.recipient:\n",
		filepath.Join(c.Dir, "pseudonym.key"), filepath.Join(c.Dir, "reveal.key")); err != nil {
		return err
	}
	_, err = fmt.Fprintln(std.Out, recipient)
	return err
}

// writeNew writes a file that only its owner reads, and refuses to overwrite one.
func writeNew(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the caller names it
	if err != nil {
		return fmt.Errorf("write a key: %w", err)
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

type privacyRevealCmd struct {
	Server    string   `help:"The server's address." default:"http://127.0.0.1:8642" placeholder:"URL"`
	Key       string   `help:"API key with the role admin; better given as GATEWATCH_KEY." placeholder:"KEY"`
	RevealKey string   `help:"File with the reveal key." default:"reveal.key" placeholder:"FILE"`
	Names     []string `arg:"" name:"pseudonym" help:"Users (pn_…) or addresses (fd67:…) as the store names them."`
}

// Run prints pseudonym and identity, separated by a tab, one a line.
func (c *privacyRevealCmd) Run(ctx context.Context, std streams) error {
	text, err := os.ReadFile(c.RevealKey)
	if err != nil {
		return fmt.Errorf("--reveal-key: %w", err)
	}
	opener, err := pseudonym.NewOpener(string(text))
	if err != nil {
		return fmt.Errorf("--reveal-key %s: %w", c.RevealKey, err)
	}
	server, err := client.New(c.Server, c.Key)
	if err != nil {
		return err
	}
	for _, name := range c.Names {
		sealed, err := server.Identity(ctx, name)
		if err != nil {
			return fmt.Errorf("%s: %w", detect.Printable(name), err)
		}
		who, err := opener.Open(sealed)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(std.Out, "%s\t%s\n", sealed.Pseudonym, detect.Printable(who)); err != nil {
			return err
		}
	}
	return nil
}

type privacyEraseCmd struct {
	Server    string   `help:"The server's address." default:"http://127.0.0.1:8642" placeholder:"URL"`
	Key       string   `help:"API key with the role admin; better given as GATEWATCH_KEY." placeholder:"KEY"`
	Kind      string   `help:"What VALUE is: ${enum}." enum:"user,client_ip" default:"user"`
	Reason    string   `help:"Why; kept with the receipt. Do not name the identity." required:"" placeholder:"TEXT"`
	Incidents []string `name:"incident" help:"Erase this incident as a whole as well: one that a receipt's mentions name. Repeatable." placeholder:"ID"`
	Value     string   `arg:"" help:"The identity itself, or a pseudonym."`
}

// Run prints the receipt as JSON.
func (c *privacyEraseCmd) Run(ctx context.Context, std streams) error {
	server, err := client.New(c.Server, c.Key)
	if err != nil {
		return err
	}
	receipt, err := server.Erase(ctx, client.NewErasure{Kind: c.Kind, Value: c.Value, Reason: c.Reason, Incidents: c.Incidents})
	if err != nil {
		return err
	}
	return json.NewEncoder(std.Out).Encode(receipt)
}
