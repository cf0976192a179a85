package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is set by the linker for a release (-ldflags "-X main.version=v1.2.3").
var version string

type versionCmd struct{}

// Run prints name, version, Go version and platform.
func (versionCmd) Run(std streams) error {
	_, err := fmt.Fprintf(std.Out, "gatewatch %s %s %s/%s\n", buildVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

func buildVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
