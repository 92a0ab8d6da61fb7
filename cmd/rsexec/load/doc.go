// Package load holds the tests and benchmarks that run the program as a process of its own
// and tell what it takes: time, memory, processors, and turns and rounds over a network.
package load
