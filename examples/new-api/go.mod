module example.com/usagewebhook

go 1.19
