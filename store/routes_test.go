package store

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRoutesLatestVersionWins(t *testing.T) {
	s := openTestStore(t)
	at := time.Date(2026, 3, 1, 0, 0, 0, 5, time.UTC)
	orders := Route{Service: "shop", Route: "/orders/{id}", FirstSeen: at, Source: "inferred", Established: true}
	slug := Route{Service: "shop", Route: "/articles/how-to", FirstSeen: at, Source: "inferred"}
	other := Route{Service: "blog", Route: "/orders/{id}", FirstSeen: at.Add(1), Source: "openapi"}
	save := func(list ...Route) {
		t.Helper()
		if err := s.SaveRoutes(t.Context(), list); err != nil {
			t.Fatal(err)
		}
	}
	save()
	save(orders, slug, other)
	slug.AliasOf = "/articles/{slug}"
	save(Route{Service: "shop", Route: "/articles/{slug}", FirstSeen: at, Source: "inferred"}, slug)
	got, err := s.LoadRoutes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []Route{orders, other, {Service: "shop", Route: "/articles/{slug}", FirstSeen: at, Source: "inferred"}, slug}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("routes (-want +got):\n%s", diff)
	}
	if err := s.SaveRoutes(t.Context(), []Route{{Service: "shop", Route: "/x", Source: "guess"}}); !errors.Is(err, ErrRejected) {
		t.Errorf("unknown source: %v", err)
	}
}
