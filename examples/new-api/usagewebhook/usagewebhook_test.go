package usagewebhook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const secret = "7c1e5b0a94d2f386b1e07a5d3c98f246"

var dollar = Price{QuotaPerUnit: "500000", CreditsPerUSD: "100"}

func row(number int) Log {
	return Log{
		RequestID: fmt.Sprintf("20261128000000%08d", number), CreatedAt: 1767225600, Type: Consume, UserID: 7, TokenID: 1,
		ModelName: "gpt-4o", Quota: 1170, PromptTokens: 120, CompletionTokens: 30,
	}
}

// receiver counts accepted events by body, after `fails` says what to answer to each request.
type receiver struct {
	*httptest.Server
	mutex    sync.Mutex
	requests int
	accepted map[string]int
}

func receive(t *testing.T, answer func(number int) int) *receiver {
	r := &receiver{accepted: map[string]int{}}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, _ := io.ReadAll(request.Body)
		if Sign(secret, string(body)) != request.Header.Get("X-Webhook-Signature") {
			t.Errorf("the signature is not that of the body")
		}
		r.mutex.Lock()
		defer r.mutex.Unlock()
		r.requests++
		status := answer(r.requests)
		if status == 200 {
			r.accepted[string(body)]++
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(r.Close)
	return r
}

func start(t *testing.T, folder, url string) (*Reporter, *bytes.Buffer) {
	var logged bytes.Buffer
	options := func() Options { return Options{URL: url, Secret: secret, Price: dollar} }
	reporter, err := Start(folder, options, log.New(&logged, "", 0))
	if err != nil {
		t.Fatal(err)
	}
	return reporter, &logged
}

func TestCostIsExact(t *testing.T) {
	rows := []struct {
		quota           int64
		perUnit, perUSD string
		cost            string
	}{
		{1170, "500000", "100", "0.234"},
		{0, "500000", "100", "0"},
		{1, "500000", "1", "0.000002"},
		{9007199254740993, "500000", "1", "18014398509.481986"},
		{1, "3", "1", "0.333333333333333333"},
		{10, "500000", "0", "0"},
		{-1, "500000", "1", ""},
		{1, "0", "1", ""},
		{1, "", "1", ""},
		{1, "500000", "one", ""},
	}
	for _, row := range rows {
		got, err := cost(row.quota, Price{row.perUnit, row.perUSD})
		if got != row.cost || (err == nil) != (row.cost != "") {
			t.Errorf("%v: %q, %v", row, got, err)
		}
	}
}

func TestOneLogIsOneEvent(t *testing.T) {
	first, _ := NewEvent(row(1), dollar)
	again, _ := NewEvent(row(1), dollar)
	if first != again || first.ID != "new-api-2026112800000000000001-1" {
		t.Errorf("%v, %v", first, again)
	}
	ids := map[string]bool{first.ID: true}
	for _, change := range []func(*Log){
		func(log *Log) { log.TokenID = 2 },
		func(log *Log) { log.RequestID = "" },
		func(log *Log) { log.RequestID, log.Quota = "a b", 2 },
		func(log *Log) { log.RequestID, log.Content = strings.Repeat("x", 65), "c" },
	} {
		other := row(1)
		change(&other)
		event, err := NewEvent(other, dollar)
		if err != nil || ids[event.ID] || len(event.ID) > 128 {
			t.Errorf("%v: %v, %v", other, event, err)
		}
		ids[event.ID] = true
	}
	var body map[string]any
	if json.Unmarshal([]byte(first.Body), &body) != nil || body["data"].(map[string]any)["creditCost"] != "0.234" {
		t.Error(first.Body)
	}
}

// The identities that hookledger computes from a pulled row, too: a change here is a change there.
func TestIdentitiesAreThoseOfThePull(t *testing.T) {
	file, err := os.ReadFile("identities.json")
	if err != nil {
		t.Fatal(err)
	}
	var rows []struct {
		Log       Log    `json:"log"`
		EventID   string `json:"eventId"`
		EventType string `json:"eventType"`
		Cost      string `json:"creditCost"`
	}
	if err := json.Unmarshal(file, &rows); err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, row := range rows {
		event, err := NewEvent(row.Log, dollar)
		var body struct {
			EventID   string `json:"eventId"`
			EventType string `json:"eventType"`
			Data      struct {
				CreditCost string `json:"creditCost"`
			} `json:"data"`
		}
		if err != nil || json.Unmarshal([]byte(event.Body), &body) != nil {
			t.Fatalf("%v: %v, %v", row.Log, event, err)
		}
		if event.ID != row.EventID || body.EventID != row.EventID || body.EventType != row.EventType ||
			body.Data.CreditCost != row.Cost || ids[event.ID] || len(event.ID) > 128 {
			t.Errorf("%v: %v", row, event)
		}
		ids[event.ID] = true
	}
}

// An asynchronous task is charged and given back once each, whatever second the hook has seen.
func TestTaskIsNamedWithoutItsTime(t *testing.T) {
	log := row(1)
	log.RequestID, log.Type, log.Other = "", Refund, `{"task_id":"task_1","reason":"failed"}`
	first, _ := NewEvent(log, dollar)
	log.CreatedAt++
	later, _ := NewEvent(log, dollar)
	log.Other = `{"task_id":"task_2"}`
	other, _ := NewEvent(log, dollar)
	log.Type = Consume
	charge, _ := NewEvent(log, dollar)
	if first.ID != later.ID || first.ID == other.ID || other.ID == charge.ID {
		t.Error(first, later, other, charge)
	}
}

// An answer decides whether the event is sent again, is set aside, or is done.
func TestAnswersDecide(t *testing.T) {
	pauses = []time.Duration{time.Millisecond, time.Millisecond, time.Millisecond, time.Millisecond}
	for status, expected := range map[int][3]int{200: {1, 0, 0}, 204: {1, 0, 0}, 401: {1, 0, 1}, 409: {1, 0, 1}, 301: {1, 0, 1},
		408: {5, 1, 0}, 429: {5, 1, 0}, 500: {5, 1, 0}, 503: {5, 1, 0}} {
		folder := t.TempDir()
		receiver := receive(t, func(int) int { return status })
		reporter, logged := start(t, folder, receiver.URL)
		if err := reporter.Report(row(1)); err != nil {
			t.Fatal(err)
		}
		reporter.Wait(300 * time.Millisecond)
		reporter.Stop()
		kept := func(part string) int {
			files, _ := os.ReadDir(filepath.Join(folder, part))
			return len(files)
		}
		if got := [3]int{receiver.requests, kept(waiting), kept(refused)}; got != expected {
			t.Errorf("%d: %v requests, waiting, refused", status, got)
		}
		if strings.Contains(logged.String(), secret) || strings.Contains(logged.String(), "promptTokens") {
			t.Error(logged)
		}
	}
}

// The process stops again and again in the middle of an outage: nothing that was reported is lost.
func TestStopsLoseNothing(t *testing.T) {
	pauses = []time.Duration{time.Millisecond, time.Millisecond, time.Millisecond, time.Millisecond}
	folder := t.TempDir()
	receiver := receive(t, func(number int) int {
		if number < 200 && number%4 != 0 {
			return 503
		}
		return 200
	})
	reported := 0
	for run := 0; run < 5; run++ {
		reporter, _ := start(t, folder, receiver.URL)
		for ; reported < 20*(run+1); reported++ {
			if err := reporter.Report(row(reported)); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Duration(run) * 3 * time.Millisecond)
		reporter.Stop()
	}
	reporter, _ := start(t, folder, receiver.URL)
	left := reporter.Wait(20 * time.Second)
	reporter.Stop()
	if left != 0 || len(receiver.accepted) != reported {
		t.Errorf("%d wait, %d of %d arrived", left, len(receiver.accepted), reported)
	}
}

// Without the option nothing is kept; other logs than charges and refunds are not reported.
func TestOptionTurnsItOff(t *testing.T) {
	folder := t.TempDir()
	reporter, _ := start(t, folder, "")
	if err := reporter.Report(row(1)); err != nil || reporter.Wait(0) != 0 {
		t.Error(err)
	}
	reporter.Stop()
	reporter, _ = start(t, folder, "http://127.0.0.1:1")
	defer reporter.Stop()
	other := row(1)
	other.Type = 5
	if err := reporter.Report(other); err != nil || reporter.Wait(0) != 0 {
		t.Error(err)
	}
}
