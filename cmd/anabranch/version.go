package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"anabranch.dev/anabranch/schemas/definition"
)

// release is set by the linker in released binaries.
var release = ""

// codeVersion names this program in versions and manifests: the release, or
// the revision it was built from, or devel.
func codeVersion() string {
	if release != "" {
		return release
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && len(s.Value) >= 12 {
				return "devel-" + s.Value[:12]
			}
		}
	}
	return "devel"
}

func versionLine() string {
	return fmt.Sprintf("anabranch %s %s %s/%s", codeVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

type versionCmd struct{}

// Help shows an example.
func (versionCmd) Help() string { return "Example:\n  anabranch version --json" }

// Run prints the version.
func (versionCmd) Run(out *output) error {
	if !out.json {
		out.say("%s", versionLine())
	}
	return out.result(map[string]string{"version": codeVersion(), "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH})
}

type schemaCmd struct{}

// Help shows an example.
func (schemaCmd) Help() string {
	return "Example:\n  anabranch schema > anabranch.schema.json\n  # first line of a definition file:\n  # yaml-language-server: $schema=anabranch.schema.json"
}

// Run prints the JSON Schema, which is JSON with or without --json.
func (schemaCmd) Run(out *output) error {
	_, err := fmt.Fprintln(out.stdout, string(definition.JSONSchema()))
	return err
}
