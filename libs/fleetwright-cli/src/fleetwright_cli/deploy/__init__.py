"""From the tree to what runs elsewhere: images, Compose, Kubernetes."""
