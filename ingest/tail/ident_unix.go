//go:build unix

package tail

import (
	"os"
	"syscall"
)

// inode returns the file's inode number and how many names it still has.
func inode(info os.FileInfo) (ino, links uint64) {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Ino), uint64(st.Nlink) //nolint:unconvert // the widths differ between systems
	}
	return 0, 1
}
