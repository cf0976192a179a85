package app

import (
	"golang.org/x/sys/unix"

	"github.com/gatewatch/gatewatch/ingest/watch"
)

// diskOf returns the state of the disk that holds a directory; the zero value when the system does not say. Free is what
// a process without privileges may use.
func diskOf(dir string) watch.Disk {
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) != nil {
		return watch.Disk{}
	}
	size := uint64(st.Bsize) //nolint:gosec,unconvert // the type differs between systems
	return watch.Disk{Dir: dir, Free: uint64(st.Bavail) * size, Total: uint64(st.Blocks) * size}
}
