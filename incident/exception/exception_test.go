package exception

import (
	"context"
	"testing"

	"github.com/gatewatch/gatewatch/detect"
)

// nowhere keeps nothing.
type nowhere struct{}

func (nowhere) AppendException(context.Context, string, uint64, []byte) error { return nil }

func (nowhere) LoadExceptions(context.Context, func([]byte) error) error { return nil }

// What is about the erased identity alone goes; a range that holds its address, and what is about others, stays.
func TestForget(t *testing.T) {
	r := NewRegistry(nowhere{}, nil)
	for _, n := range []New{
		{User: "ann", Reason: "x"},
		{User: "bob", Reason: "x"},
		{CIDR: "203.0.113.9", Reason: "x"},
		{CIDR: "203.0.113.0/24", Reason: "x"},
		{Route: "/orders", Reason: "x"},
	} {
		if _, err := r.Add(t.Context(), Suppress, n, "soc"); err != nil {
			t.Fatal(err)
		}
	}
	r.Forget(detect.EntityUser, []string{"ann", "pn_1"})
	if list := r.List(Suppress); len(list) != 4 {
		t.Errorf("%d are left of ann's and four others: %+v", len(list), list)
	}
	r.Forget(detect.EntityClient, []string{"203.0.113.9"})
	list := r.List(Suppress)
	if len(list) != 3 {
		t.Errorf("%d are left: %+v", len(list), list)
	}
	for _, x := range list {
		if x.User == "ann" || x.CIDR == "203.0.113.9/32" {
			t.Errorf("left: %+v", x)
		}
	}
}
