"""One request policy: time-outs, retries, rate limits, errors."""
