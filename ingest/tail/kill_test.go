package tail

const agentEnv = "GATEWATCH_TAIL_TEST_AGENT"

func runAgentProcess() {}
