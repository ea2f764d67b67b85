package usagewebhook

import (
	"context"
	"fmt"
	"io"
	"math/rand"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const attemptTimeout = 10 * time.Second

// pauses between attempts, each longer by up to a quarter.
var pauses = []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second}

// Outcome says what became of a round of attempts.
type Outcome int

const (
	Accepted Outcome = iota
	// Refused: no repeat would change it.
	Refused
	// Unanswered: it may be repeated, and is the same event then.
	Unanswered
)

// Send makes up to five attempts: what gets no answer, 408, 429 or 5xx is sent again after 1, 2, 4 and 8 seconds, or after
// what Retry-After says, up to 10 seconds. What it returns as text is for a log: it has no body and no secret.
func Send(ctx context.Context, client *http.Client, url, secret string, event Event) (outcome Outcome, what string) {
	for attempt := 0; ; attempt++ {
		var asked time.Duration
		outcome, asked, what = sendOnce(ctx, client, url, secret, event)
		if outcome != Unanswered || attempt == len(pauses) || asked > attemptTimeout {
			return outcome, what
		}
		pause := asked
		if pause == 0 {
			pause = longer(pauses[attempt])
		}
		select {
		case <-ctx.Done():
			return Unanswered, "stopped"
		case <-time.After(pause):
		}
	}
}

func sendOnce(ctx context.Context, client *http.Client, url, secret string, event Event) (Outcome, time.Duration, string) {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(event.Body))
	if err != nil {
		return Unanswered, 0, "the address is no URL"
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Webhook-Signature", Sign(secret, event.Body))
	answer, err := client.Do(request)
	if err != nil {
		return Unanswered, 0, "no answer"
	}
	defer answer.Body.Close()
	// Read, so that the connection can be used again.
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 64*1024))
	what := fmt.Sprintf("status %d", answer.StatusCode)
	switch status := answer.StatusCode; {
	case status >= 200 && status < 300:
		return Accepted, 0, what
	case status == http.StatusRequestTimeout || status == http.StatusTooManyRequests || status >= 500:
		seconds, _ := strconv.Atoi(answer.Header.Get("Retry-After"))
		return Unanswered, time.Duration(seconds) * time.Second, what
	default:
		return Refused, 0, what
	}
}

func longer(pause time.Duration) time.Duration {
	return pause + time.Duration(rand.Int63n(int64(pause)/4+1))
}
