//go:build cgo

package stanchion_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	stanchion "github.com/stanchion/stanchion/bindings-c/go"
)

// downDB stands for a database that is down: an application opens its own by sql.Open.
type downDB struct{}

func (downDB) Connect(context.Context) (driver.Conn, error) {
	return nil, errors.New("connection refused")
}
func (downDB) Driver() driver.Driver { return nil }

// A database is guarded where it is asked. That there is no such row is an answer, and no failure of the database.
func ExamplePolicy_Do_databaseSQL() {
	db := sql.OpenDB(downDB{})
	defer db.Close()
	policy := newPolicy(`{"name": "users-db", "circuit": {"consecutive_failures": 2}, "bulkhead": {"max_concurrent": 20}}`)
	defer policy.Close()

	noRowsIsAnAnswer := stanchion.Classify(func(err error, usual stanchion.Outcome) stanchion.Outcome {
		if errors.Is(err, sql.ErrNoRows) {
			return stanchion.Success
		}
		return usual
	})
	nameOf := func(ctx context.Context, id int) (string, error) {
		return stanchion.Do(ctx, policy, func(ctx context.Context) (name string, err error) {
			err = db.QueryRowContext(ctx, "SELECT name FROM users WHERE id = $1", id).Scan(&name)
			return name, err
		}, noRowsIsAnAnswer)
	}
	for id := range 3 {
		_, err := nameOf(context.Background(), id)
		if errors.Is(err, stanchion.ErrRejected) {
			fmt.Println("not asked")
		} else {
			fmt.Println("asked:", err)
		}
	}
	// Output:
	// asked: connection refused
	// asked: connection refused
	// not asked
}
