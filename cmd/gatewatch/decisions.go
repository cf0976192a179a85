package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/gatewatch/gatewatch/api/client"
	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/incident/decision"
)

// decisionsCmd is a client of a running server's REST.
type decisionsCmd struct {
	Server string `help:"The server's address." default:"http://127.0.0.1:8642" placeholder:"URL"`
	Key    string `help:"API key; better given as GATEWATCH_KEY, where no process list shows it." placeholder:"KEY"`

	Add    decisionsAddCmd    `cmd:"" help:"Ban, throttle or freeze by hand."`
	List   decisionsListCmd   `cmd:"" help:"List what counts now."`
	Delete decisionsDeleteCmd `cmd:"" help:"Undo decisions."`
}

func (d *decisionsCmd) client() (*client.Client, error) {
	return (&incidentsCmd{Server: d.Server, Key: d.Key}).client()
}

type decisionsAddCmd struct {
	Type     string        `help:"ban, captcha, throttle or freeze; default ban, of users freeze." placeholder:"TYPE"`
	User     bool          `help:"VALUE is a user's name."`
	Duration time.Duration `help:"How long." default:"4h" placeholder:"DURATION"`
	Reason   string        `help:"Why; bouncers see it." placeholder:"TEXT"`
	Incident string        `help:"The incident behind it." placeholder:"ID"`
	Value    string        `arg:"" help:"An address, a range, or with --user a name."`
}

// Run makes the decision and prints its number, alone.
func (c *decisionsAddCmd) Run(ctx context.Context, parent *decisionsCmd, std streams) error {
	api, err := parent.client()
	if err != nil {
		return err
	}
	n := decision.New{Type: decision.Type(c.Type), Value: c.Value, Duration: c.Duration.String(), Reason: c.Reason, Incident: c.Incident}
	if c.User {
		n.Scope = "user"
	}
	d, err := api.AddDecision(ctx, n)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(std.Err, "%s %s until %s\n", d.Type, detect.Printable(d.Value), moment(d.Until)); err != nil {
		return err
	}
	_, err = fmt.Fprintln(std.Out, d.ID)
	return err
}

type decisionsListCmd struct {
	IP        string `name:"ip" help:"Only those that cover this address." placeholder:"ADDRESS"`
	Simulated bool   `help:"Also what policies in monitor mode would do."`
	JSON      bool   `help:"One decision a line, as JSON."`
}

// Run lists.
func (c *decisionsListCmd) Run(ctx context.Context, parent *decisionsCmd, std streams) error {
	api, err := parent.client()
	if err != nil {
		return err
	}
	query := url.Values{}
	if c.IP != "" {
		query.Set("ip", c.IP)
	}
	if c.Simulated {
		query.Set("simulated", "true")
	}
	list, err := api.Decisions(ctx, query)
	if err != nil {
		return err
	}
	if c.JSON {
		e := json.NewEncoder(std.Out)
		for _, d := range list {
			if err := e.Encode(d); err != nil {
				return err
			}
		}
		return nil
	}
	w := tabwriter.NewWriter(std.Out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "ID\tTYPE\tSCOPE\tVALUE\tUNTIL\tREFUSED\tBY\tINCIDENT\tWHY")
	for _, d := range list {
		kind := string(d.Type)
		if d.Simulated {
			kind += " (monitor)"
		}
		_, _ = fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\n", d.ID, kind, d.Scope, detect.Printable(d.Value), moment(d.Until),
			d.Refused, detect.Printable(d.Author), d.Incident, detect.Printable(d.Scenario))
	}
	return w.Flush()
}

type decisionsDeleteCmd struct {
	Reason string   `help:"Why, for the record." placeholder:"TEXT"`
	IDs    []string `arg:"" name:"id" help:"The decisions' numbers, as the list shows them."`
}

// Run undoes.
func (c *decisionsDeleteCmd) Run(ctx context.Context, parent *decisionsCmd, std streams) error {
	api, err := parent.client()
	if err != nil {
		return err
	}
	for _, text := range c.IDs {
		id, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return fmt.Errorf("%q: want a decision's number", text)
		}
		d, err := api.EndDecision(ctx, id, c.Reason)
		if err != nil {
			return fmt.Errorf("%d: %w", id, err)
		}
		if _, err := fmt.Fprintf(std.Err, "%s of %s is over\n", d.Type, detect.Printable(d.Value)); err != nil {
			return err
		}
	}
	return nil
}
