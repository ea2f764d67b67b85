// Package usagewebhook reports what new-api has charged to hookledger, and loses nothing: an event is on the disk before
// Report returns, and is sent until it is accepted. It needs Go's standard library and nothing else.
package usagewebhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// The Types of a log that are reported: a charge, and what is given back for an asynchronous task.
const (
	Consume = 2
	Refund  = 6
)

// Log is a row of new-api's table logs, with the names that its API has.
type Log struct {
	RequestID        string `json:"request_id"`
	CreatedAt        int64  `json:"created_at"`
	Type             int    `json:"type"`
	UserID           int    `json:"user_id"`
	TokenID          int    `json:"token_id"`
	ModelName        string `json:"model_name"`
	Quota            int64  `json:"quota"`
	PromptTokens     int64  `json:"prompt_tokens"`
	CompletionTokens int64  `json:"completion_tokens"`
	Content          string `json:"content"`
	// Other is a JSON text. Its task_id names the asynchronous task of a row that has no request.
	Other string `json:"other"`
}

// Event is what is kept and sent. Its body never changes.
type Event struct {
	ID   string `json:"id"`
	Body string `json:"body"`
}

// Price says what quota is worth, as decimal texts: QuotaPerUnit is new-api's option of that name, quota for a dollar.
type Price struct {
	QuotaPerUnit  string
	CreditsPerUSD string
}

// costDigits is more than hookledger keeps, so that it rounds and this does not.
const costDigits = 18

// NewEvent is the event of a log. The same log always makes the same event.
func NewEvent(log Log, price Price) (Event, error) {
	cost, err := cost(log.Quota, price)
	if err != nil {
		return Event{}, err
	}
	type data struct {
		RemoteKeyID      string `json:"remoteKeyId"`
		Model            string `json:"model"`
		PromptTokens     int64  `json:"promptTokens"`
		CompletionTokens int64  `json:"completionTokens"`
		TotalTokens      int64  `json:"totalTokens"`
		CreditCost       string `json:"creditCost"`
	}
	id, eventType := eventID(log), "usage"
	if log.Type == Refund {
		eventType = "refund"
	}
	body, err := json.Marshal(struct {
		EventID   string `json:"eventId"`
		EventType string `json:"eventType"`
		Timestamp int64  `json:"timestamp"`
		Data      data   `json:"data"`
	}{id, eventType, log.CreatedAt, data{
		strconv.Itoa(log.TokenID), log.ModelName,
		log.PromptTokens, log.CompletionTokens, log.PromptTokens + log.CompletionTokens, cost,
	}})
	return Event{ID: id, Body: string(body)}, err
}

// eventID is the request's id with the token's, since some builds take a request's id from its caller. A log without one
// is named by its task and what the task was charged or given back, or else by its contents. A refund is named apart.
// The time is no part of a task's name: it is that of the hook in one report, and that of the row in another.
func eventID(log Log) string {
	suffix := ""
	if log.Type == Refund {
		suffix = "-refund"
	}
	if isID(log.RequestID) {
		return fmt.Sprintf("new-api-%s-%d%s", log.RequestID, log.TokenID, suffix)
	}
	contents := fmt.Sprintf("%d\n%d\n%d\n%s\n%d\n%d\n%d\n%s", log.CreatedAt, log.UserID, log.TokenID, log.ModelName,
		log.Quota, log.PromptTokens, log.CompletionTokens, log.Content)
	prefix := "new-api-"
	if task := taskID(log.Other); task != "" {
		contents = fmt.Sprintf("%s\n%d\n%d\n%s\n%d\n%s", task, log.UserID, log.TokenID, log.ModelName, log.Quota,
			log.Content)
		prefix = "new-api-task-"
	}
	hash := sha256.Sum256([]byte(contents))
	return prefix + hex.EncodeToString(hash[:16]) + suffix
}

func taskID(other string) string {
	var fields struct {
		TaskID string `json:"task_id"`
	}
	if json.Unmarshal([]byte(other), &fields) != nil {
		return ""
	}
	return fields.TaskID
}

func isID(text string) bool {
	isVisible := func(r rune) bool { return r > ' ' && r < 0x7f && r != '#' }
	return len(text) > 0 && len(text) <= 64 && strings.IndexFunc(text, func(r rune) bool { return !isVisible(r) }) < 0
}

// cost is in credits, exact: no float takes part.
func cost(quota int64, price Price) (string, error) {
	perUnit, isNumber := new(big.Rat).SetString(price.QuotaPerUnit)
	perUSD, isNumberToo := new(big.Rat).SetString(price.CreditsPerUSD)
	if !isNumber || !isNumberToo || perUnit.Sign() <= 0 || perUSD.Sign() < 0 {
		return "", errors.New("QuotaPerUnit and the credits for a dollar must be decimal numbers")
	}
	credits := new(big.Rat).Mul(new(big.Rat).SetInt64(quota), perUSD)
	if credits.Sign() < 0 {
		return "", fmt.Errorf("a quota of %d is no charge", quota)
	}
	text := credits.Quo(credits, perUnit).FloatString(costDigits)
	return strings.TrimRight(strings.TrimRight(text, "0"), "."), nil
}

// Sign is the header X-Webhook-Signature of a body.
func Sign(secret, body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	return hex.EncodeToString(mac.Sum(nil))
}
