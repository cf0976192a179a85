package syslog

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// frames cuts a stream into messages (RFC 6587): each is preceded by its length (octet counting) or ends in a newline, and
// a stream may change between the two, since a message begins with '<' and a length with a digit.
type frames struct {
	r *bufio.Reader
}

func newFrames(r io.Reader) *frames { return &frames{r: bufio.NewReaderSize(r, 64<<10)} }

var errFrame = errors.New("the stream is not syslog")

// next returns the next message; a last one without its end comes with the error. A message that is too long is cut,
// and the rest of it passed over.
func (f *frames) next() (string, error) {
	for {
		c, err := f.r.ReadByte()
		if err != nil {
			return "", err
		}
		switch {
		case c == '\n' || c == '\r' || c == 0 || c == ' ':
			continue
		case c >= '1' && c <= '9':
			return f.counted(int(c - '0'))
		}
		if err := f.r.UnreadByte(); err != nil {
			return "", err
		}
		return f.line()
	}
}

// counted reads a message behind its length. Digits that no blank follows are the beginning of a line.
func (f *frames) counted(n int) (string, error) {
	digits := string(rune('0' + n))
	for {
		c, err := f.r.ReadByte()
		if err != nil {
			return digits, err
		}
		if c == ' ' {
			break
		}
		if c < '0' || c > '9' || len(digits) > 8 {
			if err := f.r.UnreadByte(); err != nil {
				return digits, err
			}
			rest, err := f.line()
			return digits + rest, err
		}
		digits += string(rune(c))
		n = n*10 + int(c-'0')
	}
	if n > 64*maxMessage {
		return "", fmt.Errorf("%w: a message of %d bytes is announced", errFrame, n)
	}
	keep := min(n, maxMessage)
	buf := make([]byte, 0, min(keep, 64<<10))
	for len(buf) < keep {
		at := len(buf)
		buf = append(buf, make([]byte, min(keep-at, 64<<10))...)
		m, err := io.ReadFull(f.r, buf[at:])
		if err != nil {
			return clean(buf[:at+m]), err
		}
	}
	_, err := f.r.Discard(n - keep)
	return clean(buf), err
}

// line reads a message up to its newline.
func (f *frames) line() (string, error) {
	var whole strings.Builder
	for {
		part, err := f.r.ReadSlice('\n')
		if room := maxMessage - whole.Len(); room > 0 {
			whole.Write(part[:min(len(part), room)])
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		return clean([]byte(whole.String())), err
	}
}

// clean cuts line ends off, and makes one line of several.
func clean(b []byte) string {
	line := strings.TrimRight(string(b), "\r\n\x00")
	return lineEnds.Replace(line)
}

var lineEnds = strings.NewReplacer("\n", " ", "\r", " ")
