# What is measured, by one command.
