package app

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/gatewatch/gatewatch/store/engine"
)

// serviceLink is a variable that Kubernetes sets in every pod beside a service called gatewatch.
var serviceLink = regexp.MustCompile(`_SERVICE_(HOST|PORT)[_=]|_PORT_\d+_|=(tcp|udp)://`)

// StrayVariables returns the names of environment variables that begin as Gatewatch's do and mean nothing to it, which are
// mostly misspelt. Flags are the command line's own names; a name that the file at path or another variable refers to, as
// env:NAME, is a secret.
func StrayVariables(path string, environ, flags []string) (stray []string) {
	keys := map[string][]string{}
	envKeys(reflect.TypeFor[Config](), nil, keys)
	file, _ := os.ReadFile(path) // LoadConfig tells what is wrong with it
	text := string(file) + strings.Join(environ, "\n")
	own := append([]string{engine.LibraryEnv, engine.ChildEnv}, flags...)
	for _, pair := range environ {
		name, _, _ := strings.Cut(pair, "=")
		if _, known := keys[name]; known || !strings.HasPrefix(name, EnvPrefix) || slices.Contains(own, name) ||
			serviceLink.MatchString(pair) || strings.Contains(text, "env:"+name) {
			continue
		}
		stray = append(stray, name)
	}
	slices.Sort(stray)
	return stray
}
