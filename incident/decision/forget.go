package decision

import (
	"context"
	"slices"
)

// Forget ends the decisions about an entity, under any of its names, in the name of actor, so that bouncers are told, and drops
// those that were over. The repository's rows are its owner's to erase, after this. What is ended here is remembered until
// the next start, for the bouncers that have not asked yet. Errors: the store's.
func (b *Book) Forget(ctx context.Context, scope Scope, names []string, actor string) error {
	b.write.Lock()
	defer b.write.Unlock()
	var about []*entry
	for _, e := range b.byID {
		if e.Scope == scope && slices.Contains(names, e.Value) {
			about = append(about, e)
		}
	}
	now := b.now()
	for _, e := range about {
		if !e.Active(now) {
			b.mu.Lock()
			b.index.remove(e)
			delete(b.byID, e.ID)
			b.mu.Unlock()
			continue
		}
		if _, err := b.end(ctx, e.ID, actor, "erased"); err != nil {
			return err
		}
	}
	return nil
}
