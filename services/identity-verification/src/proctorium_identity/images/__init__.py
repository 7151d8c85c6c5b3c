"""Reading uploaded images in processes without secrets and with limited resources."""
