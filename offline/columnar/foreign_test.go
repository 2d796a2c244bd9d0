package columnar

import (
	"os"
	"path/filepath"
	"testing"
)

func TestForeignFiles(t *testing.T) {
	paths, _ := filepath.Glob("testdata/*.golden")
	for _, golden := range paths {
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		table, err := OpenTable(golden[:len(golden)-len(".golden")], TableOptions{})
		if err != nil {
			t.Errorf("%s: %v", golden, err)
			continue
		}
		if got := printed(t, table, 2); got != string(want) {
			t.Errorf("%s:\n%s\nwant\n%s\nunreadable: %v", golden, got, want, table.Unreadable())
		}
		_ = table.Close()
	}
	if len(paths) == 0 {
		t.Error("no golden files")
	}
}
