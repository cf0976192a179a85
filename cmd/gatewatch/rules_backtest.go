package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/gatewatch/gatewatch/api/client"
	"github.com/gatewatch/gatewatch/detect"
	"github.com/gatewatch/gatewatch/rules"
)

type rulesBacktestCmd struct {
	Server string `help:"The server's address." default:"http://127.0.0.1:8642" placeholder:"URL"`
	Key    string `help:"API key; better given as GATEWATCH_KEY, where no process list shows it." placeholder:"KEY"`
	From   string `help:"Where the events begin: a time, or a duration before now such as 168h." required:"" placeholder:"TIME"`
	To     string `help:"Where they end; the default is now." placeholder:"TIME"`
	JSON   bool   `help:"The report as JSON."`
	Rule   string `arg:"" help:"A rule's name or id, or a rule file (.yml); of a file the last rule is played."`
}

// Run asks the server and prints the report.
func (c *rulesBacktestCmd) Run(ctx context.Context, std streams) error {
	if c.Key == "" {
		return fmt.Errorf("a key is needed: set GATEWATCH_KEY, or --key (gatewatch keys create makes one)")
	}
	api, err := client.New(c.Server, c.Key)
	if err != nil {
		return err
	}
	req := client.Backtest{Rule: c.Rule, From: c.From, To: c.To}
	if strings.HasSuffix(c.Rule, ".yml") || strings.HasSuffix(c.Rule, ".yaml") {
		if req.Rule, req.YAML, err = ruleFile(c.Rule); err != nil {
			return err
		}
	}
	report, err := api.Backtest(ctx, req)
	if err != nil {
		return err
	}
	if c.JSON {
		e := json.NewEncoder(std.Out)
		e.SetEscapeHTML(false)
		return e.Encode(report)
	}
	return printBacktest(std.Out, &report)
}

// ruleFile reads a file of rules and tells which of them is the last.
func ruleFile(path string) (rule, text string, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", "", fmt.Errorf("read the rule: %w", err)
	}
	set, err := rules.LoadText(rules.Options{}, path, string(b))
	if err != nil {
		return "", "", fmt.Errorf("load the rule: %w", err)
	}
	line := -1
	for _, r := range set.Rules() {
		if r.File == path && r.Line > line {
			rule, line = r.ID, r.Line
		}
	}
	if rule == "" {
		return "", "", fmt.Errorf("%s: holds no rule", path)
	}
	return rule, string(b), nil
}

func printBacktest(out io.Writer, r *client.BacktestAnswer) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintf(w, "%s: %d findings in %d events (%d matched), %s to %s; %.1f s, %.0f events/s\n\n", r.Rule, r.FindingsTotal,
		r.Events, r.Matched, moment(r.From), moment(r.To), r.Seconds, r.EventsPerSecond)
	if o := r.Overlap; o != nil && o.Compared > 0 {
		_, _ = fmt.Fprintf(w, "Of %d findings %d meet an incident (%d resolved, %d called false positives), %d are new.\n\n",
			o.Compared, o.Known, o.Confirmed, o.FalsePositive, o.New)
	}
	if r.Evicted > 0 {
		_, _ = fmt.Fprintf(w, "%d groups were given up for want of memory: findings may be missing.\n\n", r.Evicted)
	}
	if r.Floor {
		_, _ = fmt.Fprint(w, "The rule's threshold is learned: live it may be higher than the written one, which was used here.\n\n")
	}
	_, _ = fmt.Fprintln(w, "DAY\tEVENTS\tMATCHED\tFINDINGS")
	for _, d := range r.Days {
		_, _ = fmt.Fprintf(w, "%s\t%d\t%d\t%d\n", d.Day, d.Events, d.Matched, d.Findings)
	}
	if len(r.Entities) > 0 {
		_, _ = fmt.Fprintln(w, "\nENTITY\tFINDINGS\tEVENTS")
	}
	for _, e := range r.Entities {
		_, _ = fmt.Fprintf(w, "%s %s\t%d\t%d\n", e.Entity.Type, detect.Printable(e.Entity.Value), e.Findings, e.Events)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}
