package tail

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/gatewatch/gatewatch/ingest"
)

const (
	checkpointVersion = 1
	maxGenerations    = 512 // remembered a file; the oldest finished ones are forgotten first
)

// checkpoint is what is durably known of one log and its rotations.
type checkpoint struct {
	Version     int           `json:"version"`
	Source      string        `json:"source"`
	Path        string        `json:"path"`
	Seen        time.Time     `json:"seen"` // when the log was last read to its end
	Generations []*generation `json:"generations"`
	Pending     *pending      `json:"pending,omitempty"`
}

// generation is one incarnation of a log: what one run of the gateway wrote between two rotations.
type generation struct {
	ID      uint64 `json:"id,string"`
	Inode   uint64 `json:"inode,string"`
	HeadLen int    `json:"head_len"` // bytes of the file's start that Head covers; it grows with the file
	Head    uint64 `json:"head,string"`
	Offset  uint64 `json:"offset,string"` // everything before it was acknowledged
	// Skipping: Offset lies within an overlong line, the rest of which is passed over.
	Skipping bool `json:"skipping,omitempty"`
	Done     bool `json:"done,omitempty"` // rotated and read to its end
}

// pending is the range that is about to be sent, or was sent and not acknowledged.
type pending struct {
	Source     string `json:"source"`
	Generation uint64 `json:"generation,string"`
	From       uint64 `json:"from,string"`
	To         uint64 `json:"to,string"`
	Skipping   bool   `json:"skipping,omitempty"` // To lies within an overlong line
}

// find returns the generation with this id, nil when there is none.
func (c *checkpoint) find(id uint64) *generation {
	for _, g := range c.Generations {
		if g.ID == id {
			return g
		}
	}
	return nil
}

// match returns the generation that head is the start of; one with the same inode if there are several, then the
// one known by more bytes. Nil: head is new.
func (c *checkpoint) match(head []byte, ino uint64) *generation {
	var best *generation
	rank := func(g *generation) int {
		if g.Inode == ino && ino != 0 {
			return headSize + 1 + g.HeadLen
		}
		return g.HeadLen
	}
	for _, g := range c.Generations {
		if g.fits(head) && (best == nil || rank(g) >= rank(best)) {
			best = g
		}
	}
	return best
}

// fits tells whether head begins as the generation does.
func (g *generation) fits(head []byte) bool {
	return len(head) >= g.HeadLen && fingerprint(head[:g.HeadLen]) == g.Head
}

// add makes the generation of a new file. Its id depends on the content alone, so that a lost checkpoint does not
// make a known file look new to the server; equal beginnings are told apart by a count.
func (c *checkpoint) add(head []byte, ino uint64) *generation {
	sum := fingerprint(head)
	id := ingest.FileGeneration(sum)
	for n := 1; id == 0 || c.find(id) != nil; n++ {
		id = ingest.FileGeneration(xxhash.Sum64String(fmt.Sprintf("%x again %d", sum, n)))
	}
	g := &generation{ID: id, Inode: ino, HeadLen: len(head), Head: sum}
	c.Generations = append(c.Generations, g)
	c.forget()
	return g
}

// forget drops the oldest finished generations beyond the bound.
func (c *checkpoint) forget() {
	for i := 0; len(c.Generations) > maxGenerations && i < len(c.Generations); {
		if c.Generations[i].Done {
			c.Generations = append(c.Generations[:i], c.Generations[i+1:]...)
			continue
		}
		i++
	}
}

// store keeps checkpoints on disk, one file a log.
type store struct {
	dir string
	// write replaces a file durably; a test puts a full disk in its place.
	write func(path string, data []byte) error
}

func newStore(dir string) (*store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create the folder of checkpoints: %w", err)
	}
	return &store{dir: dir, write: writeDurably}, nil
}

func (s *store) file(source, path string) string {
	return filepath.Join(s.dir, fmt.Sprintf("%016x.json", xxhash.Sum64String(source+"\x00"+path)))
}

// errCorrupt says that a checkpoint could not be understood.
var errCorrupt = errors.New("corrupt checkpoint")

// load returns the checkpoint of a log; fresh says that there was none. A corrupt one is set aside under another name
// and reported with errCorrupt, beside an empty checkpoint to go on with.
func (s *store) load(source, path string) (c *checkpoint, fresh bool, err error) {
	empty := &checkpoint{Version: checkpointVersion, Source: source, Path: path}
	file := s.file(source, path)
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return empty, true, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("read checkpoint: %w", err)
	}
	c = &checkpoint{}
	err = json.Unmarshal(data, c)
	if err == nil {
		err = c.check(path)
	}
	if err == nil {
		c.Source = source
		return c, false, nil
	}
	aside := file + ".corrupt"
	if e := os.Rename(file, aside); e != nil {
		return nil, false, fmt.Errorf("%w: %w; it cannot be set aside: %w", errCorrupt, err, e)
	}
	return empty, false, fmt.Errorf("%w: %w; set aside as %s", errCorrupt, err, aside)
}

func (c *checkpoint) check(path string) error {
	switch {
	case c.Version != checkpointVersion:
		return fmt.Errorf("version %d: want %d", c.Version, checkpointVersion)
	case c.Path != path:
		return fmt.Errorf("it belongs to %s", c.Path)
	}
	for _, g := range c.Generations {
		if g == nil || g.ID == 0 || g.HeadLen <= 0 || g.HeadLen > headSize || g.Offset > 1<<62 {
			return errors.New("a generation without sense")
		}
	}
	if p := c.Pending; p != nil && (p.To < p.From || p.To > 1<<62) {
		return errors.New("a pending range without sense")
	}
	return nil
}

func (s *store) save(c *checkpoint) error {
	data, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("encode checkpoint: %w", err)
	}
	if err := s.write(s.file(c.Source, c.Path), data); err != nil {
		return fmt.Errorf("write checkpoint: %w", err)
	}
	return nil
}

// writeDurably replaces path: the new content is on disk under its name, or the old one is.
func writeDurably(path string, data []byte) (err error) {
	tmp := path + ".tmp"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
