"""What the operators do. Imported in a task's own process alone: DAG files, which every task parses, stay light."""
