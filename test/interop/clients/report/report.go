// Package report is what the Go programs of the tests print: `ok NAME` for each check that holds, or `failed NAME` at the first
// that does not, and then the program ends.
package report

import (
	"errors"
	"fmt"
	"os"
	"time"
)

const patience = 20 * time.Second

// Must ends the program if there is an error.
func Must(name string, err error) {
	if err != nil {
		Fail(name, err)
	}
}

// Fail ends the program.
func Fail(name string, err error) {
	fmt.Printf("failed %s: %v\n", name, err)
	os.Exit(1)
}

// OK ends the program unless the check holds.
func OK(name string, holds bool, detail any) {
	if !holds {
		Fail(name, fmt.Errorf("got %v", detail))
	}
	fmt.Println("ok", name)
}

// Within returns the next value. It ends the program if there is none for 20 seconds.
func Within[T any](name string, values <-chan T) T {
	select {
	case value := <-values:
		return value
	case <-time.After(patience):
		Fail(name, errors.New("nothing arrived"))
		panic("unreachable")
	}
}
