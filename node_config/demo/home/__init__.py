"""The homes of the street: who lives there, what they use and make, and what their meters say."""
