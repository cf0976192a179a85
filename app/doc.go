// Package app builds, runs and stops everything: it is the only room that knows all the others. It owns the
// configuration file and the wiring; it must hold no logic of parsing, detection or storage.
package app
