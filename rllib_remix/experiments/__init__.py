"""What is to be trained, as data: experiment files, search spaces, and the plan kept beside the results."""
