"""The payments service: charges orders, gives money back."""
