package store

import (
	"context"
	"fmt"
	"time"

	"github.com/gatewatch/gatewatch/incident/notify"
)

var _ notify.Repository = (*Store)(nil)

// AppendNotifications implements notify.Repository: the rows are one block, which is stored as a whole or not at all.
func (s *Store) AppendNotifications(ctx context.Context, list []notify.Row) error {
	columns := []string{
		"id String", "version UInt64", "channel LowCardinality(String)", "state LowCardinality(String)", "incident String",
		"incident_version UInt64", "message String", "created_at DateTime64(9, 'UTC')", "body String",
	}
	return s.insertRows(ctx, "notifications", columns, func(add func(...any) error) error {
		for _, r := range list {
			e := r.Entry
			err := add(e.ID, e.Version, e.Channel, string(e.State), e.IncidentID, e.IncidentVersion, e.Message, e.CreatedAt.UTC(), string(r.Body))
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// LoadNotifications implements notify.Repository.
func (s *Store) LoadNotifications(ctx context.Context, channel string, limit int, each func(body []byte) error) error {
	unfinished := fmt.Sprintf("state IN ('%s', '%s')", notify.Waiting, notify.Sending)
	newest := func(state string) string {
		return fmt.Sprintf("%s ORDER BY created_at DESC, id DESC LIMIT %d", state, limit)
	}
	for _, where := range []string{
		unfinished, newest(fmt.Sprintf("state = '%s'", notify.Dead)), newest(fmt.Sprintf("state IN ('%s', '%s')", notify.Delivered, notify.Dropped)),
	} {
		rows, err := s.conn.Query(ctx, "SELECT body FROM notifications FINAL WHERE channel = {channel:String} AND "+where, named("channel", channel))
		if err != nil {
			return wrap("load notifications", err)
		}
		err = scanAll(rows, func() error {
			var body string
			if err := rows.Scan(&body); err != nil {
				return err
			}
			return each([]byte(body))
		})
		if err != nil {
			return wrap("load notifications", err)
		}
	}
	return nil
}

// ToldNotifications implements notify.Repository.
func (s *Store) ToldNotifications(ctx context.Context, channel string, since time.Time, each func(incident string, version uint64) error) error {
	st := newStatement()
	st.add("channel = " + st.param("String", channel))
	st.add("created_at >= " + st.time(since))
	rows, err := s.conn.Query(ctx, "SELECT incident, max(incident_version) FROM notifications"+st.clause()+" GROUP BY incident", arguments(st.params)...)
	if err != nil {
		return wrap("load what was told", err)
	}
	return wrap("load what was told", scanAll(rows, func() error {
		var id string
		var version uint64
		if err := rows.Scan(&id, &version); err != nil {
			return err
		}
		return each(id, version)
	}))
}

// AppendNotificationPlace implements notify.Repository.
func (s *Store) AppendNotificationPlace(ctx context.Context, channel string, version uint64, body []byte) error {
	return s.insertRows(ctx, "notification_places", []string{"channel String", "version UInt64", "body String"}, func(add func(...any) error) error {
		return add(channel, version, string(body))
	})
}

// LoadNotificationPlaces implements notify.Repository.
func (s *Store) LoadNotificationPlaces(ctx context.Context, each func(body []byte) error) error {
	rows, err := s.conn.Query(ctx, "SELECT body FROM notification_places FINAL ORDER BY channel")
	if err != nil {
		return wrap("load the channels' places", err)
	}
	return wrap("load the channels' places", scanAll(rows, func() error {
		var body string
		if err := rows.Scan(&body); err != nil {
			return err
		}
		return each([]byte(body))
	}))
}
