"""Reports: tables, figures and the page. No torch."""
