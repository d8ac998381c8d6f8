"""The orders service: takes orders, follows their payment, cancels what was bought."""
