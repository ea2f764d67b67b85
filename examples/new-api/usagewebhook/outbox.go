package usagewebhook

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
)

// outbox is a folder with a file for each event that is not accepted yet.
type outbox struct{ folder string }

const (
	waiting = "waiting"
	refused = "refused"
)

func openOutbox(folder string) (outbox, error) {
	for _, part := range []string{waiting, refused} {
		if err := os.MkdirAll(filepath.Join(folder, part), 0o700); err != nil {
			return outbox{}, err
		}
	}
	return outbox{folder}, nil
}

// fileName is the hash of an event's id, which may have any character.
func fileName(id string) string {
	hash := sha256.Sum256([]byte(id))
	return hex.EncodeToString(hash[:16]) + ".json"
}

// put has the event on the disk when it returns.
func (o outbox) put(event Event) error {
	contents, err := json.Marshal(event)
	if err != nil {
		return err
	}
	path := filepath.Join(o.folder, waiting, fileName(event.ID))
	file, err := os.CreateTemp(filepath.Dir(path), "*.tmp")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	if _, err = file.Write(contents); err == nil {
		err = file.Sync()
	}
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}

// names are the files of the events that wait. A file that another call has begun is not one.
func (o outbox) names() ([]string, error) {
	files, err := os.ReadDir(filepath.Join(o.folder, waiting))
	var names []string
	for _, file := range files {
		if strings.HasSuffix(file.Name(), ".json") {
			names = append(names, file.Name())
		}
	}
	return names, err
}

func (o outbox) read(name string) (event Event, err error) {
	contents, err := os.ReadFile(filepath.Join(o.folder, waiting, name))
	if err == nil {
		err = json.Unmarshal(contents, &event)
	}
	return event, err
}

func (o outbox) remove(name string) { _ = os.Remove(filepath.Join(o.folder, waiting, name)) }

// setAside keeps an event that was refused for a person.
func (o outbox) setAside(name string) {
	_ = os.Rename(filepath.Join(o.folder, waiting, name), filepath.Join(o.folder, refused, name))
}
