package engine

// The one place where the engine's version and checksums are written down. A new version means new values here and a
// run of the package's tests; nothing else names them.
const (
	// Version is the release of the library that this build was tested with.
	Version = "26.7.3-stable.1"

	npmPackage    = "@chdb/lib-linux-x64-gnu"
	tarballSHA256 = "c0d32b129e988f2b9a9a31c9141aecf5e1e2453f9a079efc4d36ab8e3f92b2ad"
	librarySHA256 = "36ad4e999882821ef13cf2d0f52c93f48e6ee1b4498b35a201c23ce4b8d15bf5"
	librarySize   = 566330096

	releaseURL = "https://github.com/chdb-io/chdb-core/releases/download/v26.7.3/linux-x86_64-libchdb.tar.gz"
)
