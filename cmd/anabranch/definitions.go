package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"anabranch.dev/anabranch/pipelines/fold"
	"anabranch.dev/anabranch/schemas/definition"
)

// definitions are a checked project and the files it was read from.
type definitions struct {
	project  *definition.Project
	files    []definition.File
	programs map[string]*fold.Program
}

// loadDefinitions reads the .yaml, .yml, schema and basis files of a directory, and
// checks them wholly: structure, types, expressions, bytes per key.
func loadDefinitions(dir string) (*definitions, error) {
	files, err := readDefinitionFiles(dir)
	if err != nil {
		return nil, err
	}
	return checkDefinitions(files)
}

// checkDefinitions checks files as wholly as loadDefinitions does.
func checkDefinitions(files []definition.File) (*definitions, error) {
	p, err := definition.Parse(files)
	if err != nil {
		return nil, err
	}
	d := &definitions{project: p, files: withoutSpareBases(files)}
	if d.programs, err = fold.CompileAll(p); err != nil {
		return nil, err
	}
	return d, errors.Join(d.checkBytes(), checkDiscrepancies(p, d.programs))
}

// withoutSpareBases leaves out bases that no definition names: they are large,
// and the files are kept with the definitions.
func withoutSpareBases(files []definition.File) []definition.File {
	named := definition.NamedFiles(files)
	return slices.DeleteFunc(slices.Clone(files), func(f definition.File) bool {
		return filepath.Ext(f.Name) == ".basis" && !slices.Contains(named, f.Name)
	})
}

func readDefinitionFiles(dir string) ([]definition.File, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, usage("definitions: %v", err)
	}
	if !info.IsDir() {
		return nil, usage("definitions: %s is a file; give the directory that holds it", dir)
	}
	var files []definition.File
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() && path != dir && strings.HasPrefix(e.Name(), ".") {
			return filepath.SkipDir
		}
		if !isDefinitionFile(path) && filepath.Ext(path) != ".basis" {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		files = append(files, definition.File{Name: filepath.ToSlash(name), Data: b})
		return err
	})
	if err == nil && len(files) == 0 {
		err = usage("definitions: %s holds no .yaml file; write one with \"anabranch init\"", dir)
	}
	return files, err
}

// isDefinitionFile tells the files of a directory that make it one of
// definitions; bases are read beside them.
func isDefinitionFile(path string) bool {
	switch filepath.Ext(path) {
	case ".yaml", ".yml", ".avsc":
		return true
	}
	return false
}

// defaultMaxBytes is how many bytes one key of a view may take for each region
// that writes it, unless the view says otherwise.
const defaultMaxBytes = 64 << 10

// bytesPerKey is what one key of a view may take for each region that writes it.
func (d *definitions) bytesPerKey(v *definition.View) int {
	return d.programs[v.Name].PlannedBytes()
}

func (d *definitions) checkBytes() error {
	var all []error
	for i := range d.project.Views {
		v := &d.project.Views[i]
		limit := v.MaxBytes
		if limit == 0 {
			limit = defaultMaxBytes
		}
		if n := d.bytesPerKey(v); n > limit {
			all = append(all, fmt.Errorf("%s:%d: view %s may take %s bytes per key and writing region, more than %s: use shorter windows, longer panes, or allow it with max_bytes_per_key: %d",
				v.Pos.File, v.Pos.Line, v.Name, count(n), count(limit), n))
		}
	}
	return errors.Join(all...)
}
