// Package rules is Gatewatch's Sigma engine: it loads detection and correlation rules (Sigma version 2), compiles
// them together, says for each event which rules match, and runs the windows of correlations over judged events.
//
// A Set is immutable and may be shared. A Matcher judges single events and fills Signatures and AttackScore; each
// goroutine has its own. Windows is a detect.Detector: it reads Signatures only, so that it works alike on events that
// were matched a moment ago and on events that come back out of the store.
//
// The package does no I/O of its own (files come in through fs.FS), reads no clock and knows no store.
package rules
