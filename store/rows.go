package store

import "github.com/ClickHouse/clickhouse-go/v2/lib/driver"

// scanAll calls each for every row, closes rows and returns the first error, the stream's own included: a result that
// breaks off never looks like one that ended.
func scanAll(rows driver.Rows, each func() error) (err error) {
	defer func() {
		if cerr := rows.Close(); err == nil {
			err = cerr
		}
	}()
	for rows.Next() {
		if err := each(); err != nil {
			return err
		}
	}
	return rows.Err()
}
