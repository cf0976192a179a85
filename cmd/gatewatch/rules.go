package main

import (
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/gatewatch/gatewatch/rules"
)

// rulesCmd lists, checks and tests detection rules, which needs neither a server nor a store, and has a running server
// play one over what it stored.
type rulesCmd struct {
	List rulesListCmd `cmd:"" help:"List the rules, one a line."`
	Lint rulesLintCmd `cmd:"" help:"Load the rules and report every fault and remark; exit 1 on faults."`
	Test rulesTestCmd `cmd:"" help:"Play the scenarios of the rules; exit 1 when one goes wrong."`

	Backtest rulesBacktestCmd `cmd:"" help:"Say what a rule would have found in the events of a running server."`
}

// ruleSource says which rules a subcommand works on.
type ruleSource struct {
	Builtin bool     `help:"Load the built-in rules under those of the directories." default:"true" negatable:""`
	Dirs    []string `arg:"" optional:"" name:"dir" help:"Directories of rule files (.yml)." type:"existingdir"`
}

func (s ruleSource) load() (*rules.Set, error) {
	set, err := rules.LoadDirs(rules.Options{}, s.Builtin, s.Dirs...)
	if err != nil {
		return nil, fmt.Errorf("load rules: %w", err)
	}
	return set, nil
}

type rulesListCmd struct {
	ruleSource
}

// Run prints a table of the rules.
func (c *rulesListCmd) Run(std streams) error {
	set, err := c.load()
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(std.Out, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "ID\tTYPE\tLEVEL\tKIND\tTITLE")
	for _, r := range set.Rules() {
		kind := "event"
		if r.Correlation != nil {
			kind = string(r.Correlation.Type)
		} else if !r.Raises() {
			kind = "sign"
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.ID, kind, r.Level, r.Kind, r.Title)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write rules: %w", err)
	}
	return nil
}

type rulesLintCmd struct {
	ruleSource
}

// Run reports faults and remarks on stderr, and the number of rules on stdout.
func (c *rulesLintCmd) Run(std streams) error {
	set, err := c.load()
	var faults rules.Faults
	if errors.As(err, &faults) {
		_, _ = fmt.Fprintln(std.Err, faults.Error())
		_, _ = fmt.Fprintf(std.Err, "%d faults\n", len(faults))
		return exitCode(1)
	}
	if err != nil {
		return err
	}
	for _, w := range set.Warnings() {
		_, _ = fmt.Fprintln(std.Err, "remark:", w.Error())
	}
	_, _ = fmt.Fprintf(std.Out, "%d rules, %d remarks\n", len(set.Rules()), len(set.Warnings()))
	return nil
}

type rulesTestCmd struct {
	ruleSource
	Rule []string `help:"Test these rules only (ids)." placeholder:"ID"`
}

// Run plays the scenarios and prints one line for each.
func (c *rulesTestCmd) Run(std streams) error {
	set, err := c.load()
	if err != nil {
		return err
	}
	played, failed := 0, 0
	for _, r := range set.Rules() {
		if len(c.Rule) > 0 && !contains(c.Rule, r.ID) {
			continue
		}
		for i := range r.Scenarios {
			sc := &r.Scenarios[i]
			played++
			if err := sc.Run(set, r.ID); err != nil {
				failed++
				_, _ = fmt.Fprintf(std.Out, "FAIL  %s: %s\n      %s:%d: %v\n", r.ID, sc.Name, r.File, sc.Line, err)
				continue
			}
			_, _ = fmt.Fprintf(std.Out, "ok    %s: %s\n", r.ID, sc.Name)
		}
	}
	_, _ = fmt.Fprintf(std.Out, "%d scenarios, %d failed\n", played, failed)
	if failed > 0 || played == 0 {
		return exitCode(1)
	}
	return nil
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if strings.EqualFold(l, s) {
			return true
		}
	}
	return false
}
