package baseline

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Row is one stored row of a model. Key is unique within its kind and version.
type Row struct {
	Kind string
	Key  string
	JSON string
}

// The kinds of rows. Actors and readers are kept many to a row: there are hundreds of thousands of them.
const (
	rowEndpoint = "endpoint"
	rowObjects  = "objects"
	rowCrowd    = "crowd"
	rowActors   = "actors"
	rowReaders  = "readers"
	rowMembers  = "members"
	rowChanges  = "changes"
	rowNetworks = "networks"
)

const chunkSize = 2000

// crowds is the one row of kind rowCrowd.
type crowds struct {
	Users   Crowd `json:"users"`
	Clients Crowd `json:"clients"`
	Volume  Crowd `json:"volume"`

	Breadth      Crowd    `json:"breadth"`
	Ever         Crowd    `json:"ever"`
	UserAgents   Crowd    `json:"user_agents"`
	ClientAgents Crowd    `json:"client_agents"`
	Evenness     evenness `json:"evenness"`
}

// namedActor and namedReader are elements of chunks.
type namedActor struct {
	Key ActorKey `json:"a"`
	Actor
}

type namedReader struct {
	Key ActorKey `json:"a"`
	Reader
}

type readerChunk struct {
	Endpoint EndpointKey   `json:"endpoint"`
	Readers  []namedReader `json:"readers"`
}

// Rows calls fn for every row of the model, ordered by kind and key, so that equal models have equal rows.
func (m *Model) Rows(fn func(Row) error) error {
	w := rowWriter{fn: fn}
	actors := sortedActors(m.actors)
	for i, chunk := range chunks(actors, chunkSize) {
		named := make([]namedActor, len(chunk))
		for j, k := range chunk {
			named[j] = namedActor{k, m.actors[k]}
		}
		w.row(rowActors, fmt.Sprintf("%06d", i), named)
	}
	if len(m.changes) > 0 {
		w.row(rowChanges, "all", m.changes)
	}
	w.row(rowCrowd, "all", crowds{
		m.users, m.clients, m.volume, m.breadth, m.ever, m.userAgents, m.clientAgents, m.evenness,
	})
	for _, k := range sortedKeys(m.endpoints) {
		w.row(rowEndpoint, k.rowKey(), m.endpoints[k])
	}
	for _, k := range sortedKeys(m.members) {
		w.row(rowMembers, k.rowKey(), m.members[k])
	}
	w.row(rowNetworks, "all", m.networks)
	for _, k := range sortedKeys(m.objects) {
		w.row(rowObjects, k.rowKey(), m.objects[k])
	}
	for _, k := range sortedKeys(m.objects) {
		readers := m.objects[k].readers
		for i, chunk := range chunks(sortedActors(readers), chunkSize) {
			c := readerChunk{Endpoint: k, Readers: make([]namedReader, len(chunk))}
			for j, a := range chunk {
				c.Readers[j] = namedReader{a, readers[a]}
			}
			w.row(rowReaders, k.rowKey()+fmt.Sprintf(" %06d", i), c)
		}
	}
	return w.err
}

// rowKey is unambiguous for any content: the parts are quoted.
func (k EndpointKey) rowKey() string {
	return strconv.Quote(k.Service) + " " + strconv.Quote(k.Method) + " " + strconv.Quote(k.Route)
}

type rowWriter struct {
	fn  func(Row) error
	err error
}

func (w *rowWriter) row(kind, key string, v any) {
	if w.err != nil {
		return
	}
	b, err := json.Marshal(v)
	if err != nil {
		w.err = fmt.Errorf("encode baseline row %s %s: %w", kind, key, err)
		return
	}
	w.err = w.fn(Row{Kind: kind, Key: key, JSON: string(b)})
}

// Meta is what is stored of a model beside its rows.
type Meta struct {
	Version       string    `json:"version"`
	Generation    string    `json:"generation"`
	EffectiveFrom time.Time `json:"effective_from"`
	Snapshot      Snapshot  `json:"snapshot"`
	Events        uint64    `json:"events"`
	Endpoints     uint64    `json:"endpoints"`
	Actors        uint64    `json:"actors"`
	MinDays       int       `json:"min_days"`
	TimeZone      string    `json:"time_zone"`
}

// Meta describes m.
func (m *Model) Meta() Meta {
	endpoints, actors := m.Counts()
	return Meta{
		Version: m.Version, Generation: m.Snapshot.Generation, EffectiveFrom: m.EffectiveFrom, Snapshot: m.Snapshot,
		Events: m.Events, Endpoints: uint64(endpoints), Actors: uint64(actors), //nolint:gosec // lengths
		MinDays: m.MinDays, TimeZone: m.location.String(),
	}
}

// ModelBuilder puts a stored model together again: NewModelBuilder, Add for every row, Model.
type ModelBuilder struct{ m *Model }

// NewModelBuilder begins the model that meta describes.
func NewModelBuilder(meta Meta) (*ModelBuilder, error) {
	loc, err := time.LoadLocation(meta.TimeZone)
	if err != nil {
		return nil, fmt.Errorf("baseline %s: time zone: %w", meta.Version, err)
	}
	return &ModelBuilder{&Model{
		Version: meta.Version, Snapshot: meta.Snapshot, EffectiveFrom: meta.EffectiveFrom.UTC(), Events: meta.Events,
		MinDays: meta.MinDays, location: loc,
		endpoints: map[EndpointKey]*Endpoint{}, objects: map[EndpointKey]*Objects{}, actors: map[ActorKey]Actor{},
		members: map[EndpointKey]*Members{},
	}}, nil
}

// Add takes one stored row; the order of rows does not matter.
func (b *ModelBuilder) Add(r Row) error {
	if err := b.add(r); err != nil {
		return fmt.Errorf("baseline %s, row %s %s: %w", b.m.Version, r.Kind, r.Key, err)
	}
	return nil
}

func (b *ModelBuilder) add(r Row) error {
	data := []byte(r.JSON)
	switch r.Kind {
	case rowEndpoint:
		e := &Endpoint{}
		if err := json.Unmarshal(data, e); err != nil {
			return err
		}
		b.m.endpoints[e.Key] = e
	case rowObjects:
		var row Objects
		if err := json.Unmarshal(data, &row); err != nil {
			return err
		}
		o := b.objects(row.Key)
		row.readers = o.readers
		*o = row
	case rowCrowd:
		var c crowds
		if err := json.Unmarshal(data, &c); err != nil {
			return err
		}
		b.m.users, b.m.clients, b.m.volume = c.Users, c.Clients, c.Volume
		b.m.breadth, b.m.ever, b.m.userAgents, b.m.clientAgents = c.Breadth, c.Ever, c.UserAgents, c.ClientAgents
		b.m.evenness = c.Evenness
	case rowChanges:
		return json.Unmarshal(data, &b.m.changes)
	case rowNetworks:
		if err := json.Unmarshal(data, &b.m.networks); err != nil {
			return err
		}
	case rowMembers:
		row := &Members{}
		if err := json.Unmarshal(data, row); err != nil {
			return err
		}
		b.m.members[row.Key] = row
	case rowActors:
		var named []namedActor
		if err := json.Unmarshal(data, &named); err != nil {
			return err
		}
		for _, a := range named {
			b.m.actors[a.Key] = a.Actor
		}
	case rowReaders:
		var c readerChunk
		if err := json.Unmarshal(data, &c); err != nil {
			return err
		}
		o := b.objects(c.Endpoint)
		for _, r := range c.Readers {
			o.readers[r.Key] = r.Reader
		}
	default:
		return fmt.Errorf("unknown kind %q", r.Kind)
	}
	return nil
}

func (b *ModelBuilder) objects(k EndpointKey) *Objects {
	o := b.m.objects[k]
	if o == nil {
		o = &Objects{Key: k, readers: map[ActorKey]Reader{}}
		b.m.objects[k] = o
	}
	return o
}

// Model returns the finished model; the builder must not be used again.
func (b *ModelBuilder) Model() *Model {
	b.m.index()
	return b.m
}

func sortedKeys[V any](m map[EndpointKey]V) []EndpointKey {
	keys := make([]EndpointKey, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, compareKeys)
	return keys
}

func sortedActors[V any](m map[ActorKey]V) []ActorKey {
	keys := make([]ActorKey, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b ActorKey) int {
		if a.User != b.User {
			if a.User {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.Value, b.Value)
	})
	return keys
}

// chunks cuts keys into runs of n at most.
func chunks(keys []ActorKey, n int) [][]ActorKey {
	var out [][]ActorKey
	for c := range slices.Chunk(keys, n) {
		out = append(out, c)
	}
	return out
}
