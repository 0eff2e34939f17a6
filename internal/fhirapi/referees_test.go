package fhirapi

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestMain lets the referees judge once everything was emitted.
func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 && len(resources.all) > 0 && !fuzzing() {
		code = judged()
	}
	os.Exit(code)
}

const npm = "../fhir/npm"

// judged asks two validators of other people for their judgement on all that
// was emitted in the tests. They are npm packages, which `npm ci` fetches at the
// versions that package-lock.json names. Where there is no npm the judgement is
// left out, loudly, but in CI it is a failure.
func judged() int {
	folder, err := filepath.Abs("../../.cache/fhir-npm")
	if err == nil {
		err = install(folder)
	}
	if err != nil {
		os.Stderr.WriteString("NOT JUDGED: the FHIR validators of npm are not there: " + err.Error() + "\n")
		if os.Getenv("VAGUEMESTRE_TEST_SERVICES") != "" || os.Getenv("CI") != "" { // set by `make test`
			return 1
		}
		return 0
	}
	if table, err := exec.Command("node", filepath.Join(npm, "elements.mjs"), folder).Output(); err != nil || !sameAs("../fhir/elements.txt", table) {
		os.Stderr.WriteString("elements.txt is not what npm/elements.mjs makes: generate it anew\n")
		return 1
	}
	// Each must find the fault that is known to be for it.
	out, err := judge(folder, `{"resourceType":"Patient","birthDate":"12/06/2026"}`, `{"resourceType":"DocumentReference","status":"wrong","content":[{"attachment":{"title":"x"}}]}`)
	if err == nil || !strings.Contains(out, `"judge":"@medplum/core","type":"Patient"`) || !strings.Contains(out, `"judge":"fhir","type":"DocumentReference"`) {
		os.Stderr.WriteString("the referees find nothing:\n" + out)
		return 1
	}
	if out, err = judge(folder, slices.Collect(maps.Keys(resources.all))...); err != nil {
		os.Stderr.WriteString("the referees refuse:\n" + out + "\n" + err.Error() + "\n")
		return 1
	}
	os.Stdout.WriteString(out)
	return 0
}

func sameAs(file string, text []byte) bool {
	b, err := os.ReadFile(file)
	return err == nil && bytes.Equal(b, text)
}

func judge(folder string, resources ...string) (string, error) {
	cmd := exec.Command("node", filepath.Join(npm, "referees.mjs"), folder)
	cmd.Stdin = strings.NewReader(strings.Join(resources, "\n"))
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// install fetches the validators where they are missing, or are others than the
// lock file names.
func install(folder string) error {
	lock, err := os.ReadFile(filepath.Join(npm, "package-lock.json"))
	if err != nil {
		return err
	}
	stamp := filepath.Join(folder, "installed.json")
	if have, err := os.ReadFile(stamp); err == nil && bytes.Equal(have, lock) {
		return nil
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for _, name := range []string{"package.json", "package-lock.json"} {
		b, err := os.ReadFile(filepath.Join(npm, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, name), b, 0o644); err != nil {
			return err
		}
	}
	cmd := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = folder
	if out, err := cmd.CombinedOutput(); err != nil {
		return &exec.Error{Name: "npm ci: " + string(out), Err: err}
	}
	return os.WriteFile(stamp, lock, 0o644)
}
