"""What is typed: arguments and help texts of every command. A body is imported when its command runs, and torch too."""
