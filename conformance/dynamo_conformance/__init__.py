"""Reading, judging, running and probing DynamoGraphDeployments."""
