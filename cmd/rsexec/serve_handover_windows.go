package main

// inherited is what the process before has handed over: nothing, on this system.
func inherited() (*handover, error) { return &handover{}, nil }
