package inventory

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatewatch/gatewatch/inventory/apidoc"
)

// Description is a service's OpenAPI document, with what earlier ones had and this one has not.
type Description struct {
	Service    string    `json:"service"`
	Revision   uint64    `json:"revision"` // 1 for the first document
	UploadedAt time.Time `json:"uploaded_at"`
	UploadedBy string    `json:"uploaded_by"`
	Gone       bool      `json:"gone,omitempty"` // it was deleted
	apidoc.Document
	Removed []Removal `json:"removed,omitempty"`

	former apidoc.Document // of the removed operations, for finding them
}

// Removal is an operation that a former document had.
type Removal struct {
	Method    string    `json:"method"`
	Route     string    `json:"route"`
	RemovedAt time.Time `json:"removed_at"`
}

// maxRemoved bounds what is remembered, the newest first.
const maxRemoved = 10_000

func (d *Description) index() {
	d.Document.Index()
	d.former = apidoc.Document{}
	for _, r := range d.Removed {
		d.former.Operations = append(d.former.Operations, apidoc.Operation{Method: r.Method, Route: r.Route})
	}
	d.former.Index()
}

func (d *Description) routes() []string {
	if d.Gone {
		return nil
	}
	return d.Routes()
}

// standing sets how the endpoint stands to the document and returns its operation, nil when there is none.
func (d *Description) standing(e *Endpoint) *apidoc.Operation {
	if d == nil || d.Gone {
		return nil
	}
	op := d.Find(e.Method, e.Route)
	if op == nil && e.Method == "HEAD" { // it comes with GET
		op = d.Find("GET", e.Route)
	}
	switch {
	case op != nil && op.Deprecated && e.Requests > 0:
		e.Standing = Zombie
	case op != nil && op.Deprecated:
		e.Standing = Deprecated
	case op != nil:
		e.Standing = Documented
	case !e.isPage():
	default:
		e.Standing = d.undocumented(e)
	}
	return op
}

func (d *Description) undocumented(e *Endpoint) Standing {
	if was := d.former.Find(e.Method, e.Route); was != nil {
		for _, r := range d.Removed {
			if r.Method == was.Method && r.Route == was.Route && e.LastSeen.After(r.RemovedAt) && e.Requests > 0 {
				return Zombie
			}
		}
		return Removed
	}
	if e.Successes > 0 {
		return Shadow
	}
	return Unknown
}

const maxService = 200 // bytes of a service's name

// PutDocument makes data the document of a service. Errors: *incident.InvalidError, the store's.
func (c *Catalogue) PutDocument(ctx context.Context, service string, data []byte, actor string) (*Description, error) {
	if service == "" || !plain(service, maxService) {
		return nil, invalid("service", "want the name of a service, at most %d bytes", maxService)
	}
	c.write.Lock() // over reading as well: one document at a time bounds the memory
	defer c.write.Unlock()
	doc, err := apidoc.Read(data)
	if err != nil {
		return nil, invalid("body", "%s", err.Error())
	}
	now := c.opts.Now().UTC()
	d := &Description{Service: service, Revision: 1, UploadedAt: now, UploadedBy: actor, Document: *doc}
	if old := c.document(service); old != nil {
		d.Revision = old.Revision + 1
		d.Removed = removals(old, doc, now)
	}
	return d, c.keep(ctx, d)
}

// removals are the operations that old had, or that were removed before it, and doc has not.
func removals(old *Description, doc *apidoc.Document, now time.Time) []Removal {
	var list []Removal
	if !old.Gone {
		for _, o := range old.Operations {
			list = append(list, Removal{o.Method, o.Route, now})
		}
	}
	list = append(list, old.Removed...)
	list = slices.DeleteFunc(list, func(r Removal) bool { return doc.Find(r.Method, r.Route) != nil })
	return list[:min(len(list), maxRemoved)]
}

// DeleteDocument takes a service's document away. Errors: ErrNoDocument, the store's.
func (c *Catalogue) DeleteDocument(ctx context.Context, service, actor string) error {
	c.write.Lock()
	defer c.write.Unlock()
	old := c.document(service)
	if old == nil || old.Gone {
		return ErrNoDocument
	}
	d := *old
	d.Revision++
	d.Gone, d.UploadedAt, d.UploadedBy = true, c.opts.Now().UTC(), actor
	return c.keep(ctx, &d)
}

func (c *Catalogue) document(service string) *Description {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.documents[service]
}

// keep stores the description, then makes it count. The caller holds write.
func (c *Catalogue) keep(ctx context.Context, d *Description) error {
	body, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("encode OpenAPI document: %w", err)
	}
	if err := c.repo.AppendInventory(ctx, KindOpenAPI, d.Service, d.Revision, body); err != nil {
		return err
	}
	d.index()
	c.mu.Lock()
	c.documents[d.Service] = d
	c.mu.Unlock()
	return c.opts.Described(d.Service, d.routes())
}

// Descriptions returns all documents, by service.
func (c *Catalogue) Descriptions() []*Description {
	c.mu.RLock()
	defer c.mu.RUnlock()
	list := []*Description{}
	for _, d := range c.documents {
		if !d.Gone {
			list = append(list, d)
		}
	}
	slices.SortFunc(list, func(a, b *Description) int { return strings.Compare(a.Service, b.Service) })
	return list
}

// Comparison holds a document against the logs of a period.
type Comparison struct {
	*Description
	Shadow []*Endpoint // in the logs, not in the document
	Zombie []*Endpoint // deprecated or taken out, and still called
	Orphan []*Endpoint // in the document, never called
}

// Compare holds a service's document against what the logs show. Errors: ErrNoDocument, the store's.
func (c *Catalogue) Compare(ctx context.Context, service string, p Period) (*Comparison, error) {
	d := c.document(service)
	if d == nil || d.Gone {
		return nil, ErrNoDocument
	}
	all, err := c.assemble(ctx, p)
	if err != nil {
		return nil, err
	}
	out := &Comparison{Description: d, Shadow: []*Endpoint{}, Zombie: []*Endpoint{}, Orphan: []*Endpoint{}}
	for _, e := range all {
		if e.Service != service {
			continue
		}
		switch e.Standing {
		case Shadow:
			out.Shadow = append(out.Shadow, e)
		case Zombie:
			out.Zombie = append(out.Zombie, e)
		case Orphan:
			out.Orphan = append(out.Orphan, e)
		}
	}
	return out, nil
}
