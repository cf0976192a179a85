package tail

import "bytes"

// splitter cuts lines out of bytes of a file.
type splitter struct {
	maxLine  int // longer lines are cut
	maxLines int // at most so many at once; 0: any number
}

// split walks over data, which starts at a line's start, or within an overlong line when skipping, and calls line for
// each complete line: where its first byte is in data, its bytes without the line end, and whether it was cut. last says
// that what follows the last line end is a line too. It returns how many bytes it dealt with, and whether they end
// within an overlong line.
//
// NUL bytes before a line are passed over: a writer that does not append leaves them after its file was truncated.
func (s splitter) split(data []byte, skipping, last bool, line func(at int, text []byte, cut bool)) (int, bool) {
	i := 0
	if skipping {
		end := bytes.IndexByte(data, '\n')
		if end < 0 {
			return len(data), !last
		}
		i = end + 1
	}
	for n := 0; s.maxLines == 0 || n < s.maxLines; n++ {
		for i < len(data) && data[i] == 0 {
			i++
		}
		if i == len(data) {
			break
		}
		end := bytes.IndexByte(data[i:], '\n')
		switch {
		case end >= 0:
			text := bytes.TrimSuffix(data[i:i+end], []byte{'\r'})
			cut := len(text) > s.maxLine
			line(i, text[:min(len(text), s.maxLine)], cut)
			i += end + 1
		case len(data)-i > s.maxLine:
			line(i, data[i:i+s.maxLine], true)
			return len(data), !last
		case last:
			line(i, bytes.TrimSuffix(data[i:], []byte{'\r'}), false)
			return len(data), false
		default:
			return i, false
		}
	}
	return i, false
}
