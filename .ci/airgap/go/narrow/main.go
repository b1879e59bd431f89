// narrow stands before runc on a machine that itself lacks CAP_SYS_RESOURCE: a container that asks for
// it ("privileged" asks for all) could not start there. It takes that one capability out of what runc
// is about to read and becomes runc, with the arguments it got.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

const lacking = "CAP_SYS_RESOURCE"

func main() {
	if err := run(os.Args); err != nil {
		fmt.Fprintln(os.Stderr, "narrow:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	file, inSpec := target(args[1:])
	if file != "" {
		if err := rewrite(file, inSpec); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	runc, err := exec.LookPath("runc")
	if err != nil {
		return err
	}
	return syscall.Exec(runc, append([]string{"runc"}, args[1:]...), os.Environ())
}

// target is the file that this call of runc reads capabilities from, and whether they are below
// "process" in it: a bundle's config.json for create and run, the process file for exec.
func target(args []string) (file string, inSpec bool) {
	for at, word := range args {
		switch word {
		case "create", "run":
			return filepath.Join(option(args[at+1:], "--bundle", "-b"), "config.json"), true
		case "exec":
			return option(args[at+1:], "--process", "-p"), false
		}
	}
	return "", false
}

// option is the value of an option in either spelling, with or without an equals sign.
func option(args []string, names ...string) string {
	for at, word := range args {
		for _, name := range names {
			if word == name && at+1 < len(args) {
				return args[at+1]
			}
			if value, found := strings.CutPrefix(word, name+"="); found {
				return value
			}
		}
	}
	return ""
}

func rewrite(file string, inSpec bool) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	document := map[string]any{}
	reader := json.NewDecoder(bytes.NewReader(text))
	reader.UseNumber() // a limit may not fit a float
	if err := reader.Decode(&document); err != nil {
		return err
	}
	process := document
	if inSpec {
		process, _ = document["process"].(map[string]any)
	}
	sets, _ := process["capabilities"].(map[string]any)
	for name, list := range sets {
		sets[name] = without(list)
	}
	narrowed, err := json.Marshal(document)
	if err != nil {
		return err
	}
	return os.WriteFile(file, narrowed, 0o600)
}

func without(list any) []any {
	kept := []any{}
	values, _ := list.([]any)
	for _, value := range values {
		if value != lacking {
			kept = append(kept, value)
		}
	}
	return kept
}
