// Command send reports the logs on its standard input, one JSON row a line, and ends once all are accepted. Use it to try
// the package, or to report what was charged before the hook was there: rows as SELECT, or new-api's API, returns them.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"example.com/usagewebhook/usagewebhook"
)

func main() {
	outbox := flag.String("outbox", "outbox", "the folder of what is not accepted yet")
	wait := flag.Duration("wait", time.Hour, "how long to wait until all is accepted")
	flag.Parse()
	logger := log.New(os.Stderr, "", log.LstdFlags)
	options := func() usagewebhook.Options {
		return usagewebhook.Options{
			URL:    os.Getenv("WEBHOOK_URL"),
			Secret: os.Getenv("WEBHOOK_SECRET"),
			Price:  usagewebhook.Price{QuotaPerUnit: "500000", CreditsPerUSD: os.Getenv("CREDITS_PER_USD")},
		}
	}
	reporter, err := usagewebhook.Start(*outbox, options, logger)
	if err != nil {
		logger.Fatal(err)
	}
	stopped := make(chan os.Signal, 1)
	signal.Notify(stopped, os.Interrupt, syscall.SIGTERM)
	done := make(chan int)
	go func() {
		rows := bufio.NewScanner(os.Stdin)
		for rows.Scan() {
			var row usagewebhook.Log
			if err := json.Unmarshal(rows.Bytes(), &row); err != nil {
				logger.Fatalf("no row of JSON: %v", err)
			}
			if reporter.Report(row) != nil {
				os.Exit(1)
			}
		}
		done <- reporter.Wait(*wait)
	}()
	select {
	case <-stopped:
		reporter.Stop()
	case left := <-done:
		reporter.Stop()
		if left > 0 {
			logger.Fatalf("%d events wait in %s", left, *outbox)
		}
	}
}
