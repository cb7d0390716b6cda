"""Mailchimp: the audience we may write to, what its members decided, and the mailings that reach them."""
