package api

import (
	"fmt"
	"slices"
	"strings"
)

// Role says what a key may do.
type Role string

// The roles. A viewer reads; an analyst also works on incidents and starts jobs; an admin does everything; an agent only
// ingests; a bouncer only reads decisions.
const (
	RoleAgent   Role = "agent"
	RoleViewer  Role = "viewer"
	RoleAnalyst Role = "analyst"
	RoleAdmin   Role = "admin"
	RoleBouncer Role = "bouncer"
)

// Roles lists all roles.
func Roles() []Role { return []Role{RoleAgent, RoleViewer, RoleAnalyst, RoleAdmin, RoleBouncer} }

// ParseRole accepts the name of a role.
func ParseRole(name string) (Role, error) {
	if r := Role(name); slices.Contains(Roles(), r) {
		return r, nil
	}
	names := make([]string, 0, len(Roles()))
	for _, r := range Roles() {
		names = append(names, string(r))
	}
	return "", fmt.Errorf("%q: want one of %s", name, strings.Join(names, ", "))
}

// access is who may use a route. A nil access means everybody, without a key.
type access []Role

var (
	readers   = access{RoleViewer, RoleAnalyst, RoleAdmin}
	analysts  = access{RoleAnalyst, RoleAdmin}
	admins    = access{RoleAdmin}
	bouncers  = access{RoleViewer, RoleAnalyst, RoleAdmin, RoleBouncer}
	reporters = access{RoleBouncer, RoleAdmin}
	ingesters = access{RoleAgent, RoleAdmin}
	anyone    access
)

// kind is how a route is guarded and answers errors.
type kind int

const (
	ordinary   kind = iota
	forBouncer      // in the contract of CrowdSec's bouncers
	forGateway      // a check: any method, no rate limit
)

func (a access) allows(r Role) bool { return slices.Contains(a, r) }
