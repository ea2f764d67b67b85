package usagewebhook

import (
	"context"
	"log"
	"net/http"
	"time"
)

const (
	// sendingMax is how many events are sent at a time.
	sendingMax = 8
	// pollEvery is how often the folder is read for events whose pause has ended.
	pollEvery = 5 * time.Second
	// roundPause is the time until an event that got no answer is sent again; it doubles up to roundPauseMax.
	roundPause    = 30 * time.Second
	roundPauseMax = 15 * time.Minute
)

// Options are read for each event and each attempt, so that a change in new-api's table needs no restart.
type Options struct {
	// URL is the option webhook_url. Without it nothing is reported.
	URL string
	// Secret is the option webhook_secret.
	Secret string
	Price  Price
}

// Reporter sends events until they are accepted.
type Reporter struct {
	outbox  outbox
	options func() Options
	client  *http.Client
	log     *log.Logger
	// wake says that there is a new event.
	wake   chan struct{}
	ctx    context.Context
	cancel context.CancelFunc
	ended  chan struct{}
}

// Start begins with what an earlier process has left in the folder.
func Start(folder string, options func() Options, logger *log.Logger) (*Reporter, error) {
	outbox, err := openOutbox(folder)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	reporter := &Reporter{
		outbox: outbox, options: options, client: &http.Client{}, log: logger,
		wake: make(chan struct{}, 1), ctx: ctx, cancel: cancel, ended: make(chan struct{}),
	}
	go reporter.run()
	return reporter, nil
}

// Report is the hook's call. It returns once the event is on the disk, and waits for no receiver. An error says that the
// event was not kept: the use is not charged until it is reported again, by command send.
func (r *Reporter) Report(row Log) error {
	options := r.options()
	if options.URL == "" || (row.Type != Consume && row.Type != Refund) {
		return nil
	}
	event, err := NewEvent(row, options.Price)
	if err == nil {
		err = r.outbox.put(event)
	}
	if err != nil {
		r.log.Printf("webhook send failed: request %q was not kept: %v", row.RequestID, err)
		return err
	}
	select {
	case r.wake <- struct{}{}:
	default:
	}
	return nil
}

// Stop ends what is being sent, and waits for it. What was not accepted is sent by the next process.
func (r *Reporter) Stop() {
	r.cancel()
	<-r.ended
}

// Wait returns once nothing waits any more, or after this time, and says how many events wait.
func (r *Reporter) Wait(atMost time.Duration) int {
	for end := time.Now().Add(atMost); ; time.Sleep(20 * time.Millisecond) {
		left, err := r.outbox.names()
		if (err == nil && len(left) == 0) || time.Now().After(end) {
			return len(left)
		}
	}
}

// retry says when an event that got no answer is sent again.
type retry struct {
	at    time.Time
	pause time.Duration
}

type ended struct {
	name    string
	outcome Outcome
}

// run sends what waits, a few at a time. All else stays on the disk, so that an outage of hours fits the memory.
func (r *Reporter) run() {
	defer close(r.ended)
	var (
		queue   []string
		sending = map[string]bool{}
		retries = map[string]retry{}
		results = make(chan ended)
	)
	for {
		if len(queue) == 0 {
			queue = r.due(sending, retries)
		}
		for ; len(queue) > 0 && len(sending) < sendingMax; queue = queue[1:] {
			name := queue[0]
			sending[name] = true
			go func() { results <- ended{name, r.round(name)} }()
		}
		select {
		case <-r.ctx.Done():
			for range sending {
				<-results
			}
			return
		case one := <-results:
			delete(sending, one.name)
			if one.outcome == Unanswered {
				pause := min(max(2*retries[one.name].pause, roundPause), roundPauseMax)
				retries[one.name] = retry{time.Now().Add(longer(pause)), pause}
			} else {
				delete(retries, one.name)
			}
		case <-r.wake:
		case <-time.After(pollEvery):
		}
	}
}

// due are the files to send now.
func (r *Reporter) due(sending map[string]bool, retries map[string]retry) []string {
	names, err := r.outbox.names()
	if err != nil {
		r.log.Printf("the outbox was not read: %v", err)
	}
	now, due := time.Now(), names[:0]
	for _, name := range names {
		if !sending[name] && !retries[name].at.After(now) {
			due = append(due, name)
		}
	}
	return due
}

// round makes one round of attempts for the event in this file.
func (r *Reporter) round(name string) Outcome {
	event, err := r.outbox.read(name)
	if err != nil {
		r.log.Printf("the outbox was not read: %v", err)
		return Unanswered
	}
	options := r.options()
	if options.URL == "" {
		return Unanswered
	}
	outcome, what := Send(r.ctx, r.client, options.URL, options.Secret, event)
	switch outcome {
	case Accepted:
		r.log.Printf("webhook sent: %s, %s", event.ID, what)
		r.outbox.remove(name)
	case Refused:
		r.log.Printf("webhook send failed: %s was refused with %s, and is kept", event.ID, what)
		r.outbox.setAside(name)
	default:
		r.log.Printf("webhook send failed: %s, %s; it waits for another round", event.ID, what)
	}
	return outcome
}

func min(a, b time.Duration) time.Duration {
	if a < b {
		return a
	}
	return b
}

func max(a, b time.Duration) time.Duration {
	if a > b {
		return a
	}
	return b
}
