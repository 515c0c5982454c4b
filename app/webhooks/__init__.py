"""Events out: signed webhooks, sent where they may go, tried again until they arrive or are given up."""
